import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { isProblem, type Request } from '../support/server.js';
import { makeQueue, type Suite, TIME } from './words.js';

const put = (body = '', path = '/queues/q', headers = {}): Request => ({ method: 'PUT', path, body, headers });

export const create: Suite = (t, start) => {
  t.test('the defaults are those of the contract', async (t) => {
    const { send } = await start(t);
    const made = await send(put('{"reserve":false}'));
    t.equal(made.status, 201);
    t.match(made.json, {
      queue: 'q',
      epoch: /^[\w-]+$/,
      createdAt: TIME,
      maxMessages: 1_000_000,
      maxBytes: 64 * 1024 * 1024,
      maxAgeSeconds: null,
      maxMessageBytes: 1024 * 1024,
      reserve: false,
      cursors: {},
    });
  });

  t.test('reserve takes the whole room at once', async (t) => {
    const { send } = await start(t);
    const { json } = await send(put('{"maxBytes":100000}'));
    const { reserve, file } = json as { reserve: boolean; file: { bytes: number; limit: number } };
    t.strictSame([reserve, file.bytes], [true, file.limit]);
  });

  t.test('names are as the contract says', async (t) => {
    const { send } = await start(t);
    for (const name of ['a', '55', 'a.b-c_d', 'A'.repeat(128)]) {
      t.equal((await send(put('{"maxBytes":1000,"reserve":false}', `/queues/${name}`))).status, 201, name);
    }
    for (const name of ['-a', '_a', '.a', 'a%2Fb', 'a%00', 'a%20b', '%C3%A4', 'A'.repeat(129)])
      isProblem(t, await send(put('', `/queues/${name}`)), 400, 'bad_name');
  });

  t.test('every field that is not as it should be is refused by name', (t) => badFields(t, start));

  t.test('every field that differs is a mismatch, and those that are equal are none', async (t) => {
    const { send } = await start(t);
    const limits = { maxMessages: 5, maxBytes: 50_000, maxAgeSeconds: 60, maxMessageBytes: 100, reserve: false };
    t.equal((await send(put(JSON.stringify(limits)))).status, 201);
    t.equal((await send(put(JSON.stringify(limits)))).status, 200);
    const other = { maxMessages: 6, maxBytes: 50_001, maxAgeSeconds: null, maxMessageBytes: 101, reserve: true };
    for (const [field, value] of Object.entries(other)) {
      const existing = limits[field as keyof typeof limits];
      const answer = await send(put(JSON.stringify({ [field]: value })));
      isProblem(t, answer, 409, 'config_mismatch', { field, value, existing });
    }
  });

  t.test('of creates at the same time one makes the queue', async (t) => {
    const { send } = await start(t);
    const body = '{"maxBytes":1000,"reserve":false}';
    const statuses = (await Promise.all(Array.from({ length: 8 }, () => send(put(body))))).map(({ status }) => status);
    t.strictSame(statuses.sort(), [200, 200, 200, 200, 200, 200, 200, 201]);
  });

  t.test('a disk that has not the room is said so, and nothing is left behind', async (t) => {
    const { send, queues } = await start(t);
    isProblem(t, await send(put(`{"maxBytes":${2 ** 50}}`)), 507, 'disk_full');
    t.strictSame((await send({ path: '/queues' })).json, { queues: [] });
    t.strictSame(queues.unreadable, []);
  });

  t.test('a directory that is gone is the server’s own fault, and says no path', async (t) => {
    const directory = join(t.testdir(), 'rots');
    mkdirSync(directory);
    const { send } = await start(t, { directory });
    renameSync(directory, `${directory}-away`);
    const answer = await send(put('{"maxBytes":1000,"reserve":false}'));
    isProblem(t, answer, 500, 'directory_unusable');
    t.notOk(answer.body.toString().includes(directory));
    renameSync(`${directory}-away`, directory);
  });

  t.test('a rot file that appears is a queue, one that is removed is none', async (t) => {
    const wire = await start(t);
    const { send, queues } = wire;
    await makeQueue(wire);
    const path = join(queues.directory, 'q.rot');
    renameSync(path, join(queues.directory, 'other.rot'));
    await queues.rescan();
    isProblem(t, await send({ path: '/queues/q' }), 404, 'queue_not_found', { queue: 'q' });
    t.equal((await send({ path: '/queues/other' })).json['queue'], 'other');
  });
};

async function badFields(t: Test, start: Parameters<Suite>[1]): Promise<void> {
  const { send } = await start(t);
  const refused: ReadonlyArray<readonly [body: string, parameter: string]> = [
    ['{"maxMessages":"5"}', 'maxMessages'],
    ['{"maxMessages":true}', 'maxMessages'],
    ['{"maxMessages":[5]}', 'maxMessages'],
    ['{"maxMessages":{}}', 'maxMessages'],
    [`{"maxMessages":${2 ** 50 + 1}}`, 'maxMessages'],
    [`{"maxBytes":${2 ** 53}}`, 'maxBytes'],
    ['{"maxBytes":0}', 'maxBytes'],
    ['{"maxAgeSeconds":4294967297}', 'maxAgeSeconds'],
    ['{"maxAgeSeconds":-5}', 'maxAgeSeconds'],
    ['{"maxMessageBytes":0}', 'maxMessageBytes'],
    ['{"reserve":"true"}', 'reserve'],
    ['{"reserve":1}', 'reserve'],
    ['{"reserve":null}', 'reserve'],
    ['{"MaxBytes":5}', 'MaxBytes'],
    ['{"constructor":5}', 'constructor'],
    ['{"maxBytes":5,"maxBytes":6}', 'body'],
    ['{"maxBytes":5,"max\\u0042ytes":5}', 'body'],
    ['"text"', 'body'],
    ['{"maxBytes":5}}', 'body'],
    ['{maxBytes:5}', 'body'],
    [' '.repeat(70_000), 'body'],
    [`{"maxBytes":${'['.repeat(60_000)}`, 'body'],
  ];
  for (const [body, parameter] of refused)
    isProblem(t, await send(put(body)), 400, 'bad_parameter', { parameter, accepted: String });
  t.strictSame((await send({ path: '/queues' })).json, { queues: [] });
}
