import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { MIB, pushTexts } from '../support/queues.js';
import { RawConnection } from '../support/raw.js';
import { contract, isProblem, startServer } from '../support/server.js';

contract(t, 'stat says how a queue stands', async (t, { queues, send }) => {
  const { queue } = await queues.create('q', { maxMessages: 3, maxBytes: 10_000, reserve: false });
  for (let i = 0; i < 5; i++) await pushTexts(queue, 'x'.repeat(i));
  const answer = await send({ path: '/queues/q' });
  t.equal(answer.status, 200);
  t.match(answer.json, {
    queue: 'q',
    epoch: queue.epoch,
    maxMessages: 3,
    maxBytes: 10_000,
    oldest: 2,
    next: 5,
    count: 3,
    bytes: 9,
    oldestTime: /Z$/,
    newestTime: /Z$/,
    file: { bytes: Number, limit: Number },
    rotated: { messages: 2, byCount: 2, byBytes: 0, byAge: 0, byRoom: 0 },
    tails: 0,
    state: 'ok',
    stateReason: null,
  });
  t.match(answer.headers, {
    etag: `"${queue.epoch}:5"`,
    'cache-control': 'no-store',
    'rotera-epoch': queue.epoch,
    'rotera-oldest': '2',
    'rotera-next': '5',
  });
  const head = await send({ method: 'HEAD', path: '/queues/q' });
  t.equal(head.status, 200);
  t.equal(head.body.length, 0);
  t.equal(head.headers['etag'], answer.headers['etag']);
  isProblem(t, await send({ path: '/queues/none' }), 404, 'queue_not_found', { queue: 'none' });
  isProblem(t, await send({ path: '/queues/q?verbose=1' }), 400, 'bad_parameter', { parameter: 'verbose' });
});

t.test('the list has every queue, sorted, and those that cannot be read with their reason', async (t) => {
  const directory = t.testdir({ 'broken.rot': 'no rot file' });
  writeFileSync(join(directory, 'z.rot'), '');
  const { queues, send } = await startServer(t, { directory });
  t.equal((await send({ path: '/queues' })).status, 200);
  for (const name of ['b', 'c', 'a']) await queues.create(name, { maxBytes: 1000, reserve: false });
  const { json, headers } = await send({ path: '/queues' });
  t.equal(headers['cache-control'], 'no-store');
  const listed = json['queues'] as Array<{ queue: string; state: string; stateReason: unknown }>;
  t.strictSame(
    listed.map(({ queue, state }) => [queue, state]),
    [
      ['a', 'ok'],
      ['b', 'ok'],
      ['broken', 'unreadable'],
      ['c', 'ok'],
      ['z', 'unreadable'],
    ],
  );
  t.type(listed[2]?.stateReason, 'string');
  isProblem(t, await send({ path: '/queues/broken' }), 503, 'queue_unreadable');
  isProblem(t, await send({ path: '/queues/broken/messages' }), 503, 'queue_unreadable');
  isProblem(t, await send({ path: '/queues?state=ok' }), 400, 'bad_parameter', { parameter: 'state' });
});

t.test('a list of many queues leaves others their turns', async (t) => {
  const { queues, send } = await startServer(t);
  const all = await Promise.all(
    Array.from({ length: 35 }, async (_, i) => {
      const name = `q${String(i).padStart(2, '0')}`;
      return (await queues.create(name, { maxBytes: 1000, reserve: false })).queue;
    }),
  );
  let turn = 0;
  let counting = setImmediate(function next() {
    turn++;
    counting = setImmediate(next);
  });
  const turns: number[] = [];
  for (const queue of all) {
    const { stat } = queue;
    queue.stat = () => {
      turns.push(turn);
      return stat.call(queue);
    };
  }
  // Gone while the list is made.
  const [first] = all;
  const stat = first!.stat;
  first!.stat = () => {
    t.intercept(queues, 'find', { value: (name: string) => (name === 'q34' ? undefined : all[Number(name.slice(1))]) });
    return stat();
  };
  const { json } = await send({ path: '/queues' });
  clearImmediate(counting);
  t.strictSame(
    (json['queues'] as Array<{ queue: string }>).map(({ queue }) => queue),
    all.slice(0, -1).map(({ name }) => name),
  );
  t.equal(turns.length, 34);
  for (const one of new Set(turns)) t.ok(turns.filter((turn) => turn === one).length <= 10, `turn ${one}`);
});

t.test('lists that many ask for are made one after the other', async (t) => {
  const { queues, send } = await startServer(t);
  let turn = 0;
  let counting = setImmediate(function next() {
    turn++;
    counting = setImmediate(next);
  });
  t.teardown(() => clearImmediate(counting));
  const turns: number[] = [];
  for (let i = 0; i < 35; i++) {
    const { queue } = await queues.create(`q${i}`, { maxBytes: 1000, reserve: false });
    const { stat } = queue;
    queue.stat = () => {
      turns.push(turn);
      return stat.call(queue);
    };
  }
  const { length } = await Promise.all(Array.from({ length: 10 }, () => send({ path: '/queues' })));
  t.equal(turns.length, 35 * length);
  const most = Math.max(...[...new Set(turns)].map((turn) => turns.filter((one) => one === turn).length));
  t.ok(most <= 10, `${most} in a turn`);
});

for (const path of ['/queues', '/queues/q'])
  t.test(`answers of ${path} that nobody takes are bounded`, async (t) => {
    const { queues, send, url } = await startServer(t);
    const { queue } = await queues.create('q', { maxBytes: 1000, reserve: false });
    const { stat } = queue;
    const stateReason = 'x'.repeat(20 * MIB);
    let made = 0;
    queue.stat = () => {
      made++;
      return { ...stat.call(queue), stateReason };
    };
    for (let i = 1; i <= 7; i++) {
      const { socket } = await RawConnection.to(Number(new URL(url).port));
      t.teardown(() => socket.destroy());
      socket.pause().write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      while (made < i) await send({ path: '/healthz' });
    }
    isProblem(t, await send({ path }), 503, 'overloaded');
    isProblem(t, await send({ path: '/queues/q/messages' }), 503, 'overloaded');
  });
