import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { formatMessages } from '../../cli/message-format.js';
import type { Message } from '../../src/client/node.js';
import { runHere } from '../support/cli.js';
import { run } from '../support/program.js';
import { SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';

t.test('raw bytes, ids, and JSON', async (t) => {
  const { client, url } = await startServer(t, { now: () => Date.UTC(2026, 0, 2) });
  const env = { ROTERA_URL: url };
  await client.create('q', SMALL);
  await client.push('q', ['one', Uint8Array.of(0xff), '']);
  const raw = await runHere(['read', 'q'], env);
  t.strictSame([...raw.stdout], [...Buffer.from('one\n\xff\n\n', 'latin1')]);
  const ids = await runHere(['read', 'q', '--format', 'ids', '--from', '1'], env);
  t.strictSame([...ids.stdout], [...Buffer.from('1\t\xff\n2\t\n', 'latin1')]);
  const json = await runHere(['read', 'q', '--format', 'json'], env);
  const time = '2026-01-02T00:00:00.000Z';
  t.strictSame(
    json.stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { id: 0, time, data: 'one' },
      { id: 1, time, data: '/w==', encoding: 'base64' },
      { id: 2, time, data: '' },
    ],
  );
  t.equal((await runHere(['read', 'q', '--format', 'xml'], env)).code, 2);
});

t.test('options for every command may stand in front of it', async (t) => {
  const { client, url } = await startServer(t);
  await client.create('q', SMALL);
  await client.push('q', ['a', 'b', 'c']);
  const read = await runHere(['--url', url, 'read', 'q', '--from', '-2', '-n1']);
  t.match([read.code, read.stdout.toString()], [0, 'b\n']);
  t.match(await runHere(['--url', url, '--insecure', 'tail']), { code: 2, stderr: /tail needs QUEUE/ });
  t.match((await runHere(['--url', url, 'read', '--help'])).stdout.toString(), /usage: rotera read/);
  t.match(await runHere(['--url', url, 'raed', 'q']), { code: 2, stderr: /no command raed\. Did you mean read/ });
});

t.test('on a terminal a message cannot drive it', async (t) => {
  const line = (text: string): Pick<Message, 'id' | 'data'> => ({ id: 7, data: Buffer.from(text, 'latin1') });
  const nasty = line('\u001b[2Jgone\u0007\tkept');
  t.equal(formatMessages([nasty], 'raw', true).toString(), '\\x1b[2Jgone\\x07\tkept\n');
  t.equal(formatMessages([nasty], 'raw', false).toString('latin1'), '\u001b[2Jgone\u0007\tkept\n');
  t.equal(formatMessages([line('\xff')], 'ids', true).toString(), '7\t\ufffd\n');
});

t.test('what is gone is told: in words on standard error, in JSON as a line of its own', async (t) => {
  const { client, url } = await startServer(t);
  const env = { ROTERA_URL: url };
  await client.create('q', { ...SMALL, maxMessages: 1 });
  for (const text of ['a', 'b', 'c']) await client.push('q', text);
  t.match(await runHere(['read', 'q', '--from', '0'], env), { code: 0, stderr: /2 messages are gone: ids 0 to 1/ });
  const { stdout, stderr } = await runHere(['read', 'q', '--from', '0', '--json'], env);
  t.match(
    stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [{ gap: { from: 0, to: 2, count: 2, reason: 'rotated' } }, { id: 2, data: 'c' }],
  );
  t.equal(stderr, '');
});

t.test('a cursor goes on where the last read ended', async (t) => {
  const { client, url } = await startServer(t);
  const env = { ROTERA_URL: url };
  await client.create('q', SMALL);
  await client.push('q', ['a', 'b', 'c']);
  const read = async (): Promise<string> =>
    (await runHere(['read', 'q', '--cursor', 'job', '--limit', '2'], env)).stdout.toString();
  t.equal(await read(), 'a\nb\n');
  t.equal(await read(), 'c\n');
  t.equal(await read(), '');
  await client.push('q', 'd');
  t.equal(await read(), 'd\n');
  t.match((await client.stat('q')).cursors, { job: { position: 4, lag: 0 } });
});

t.test('a queue that is made anew while it is read ends the read: its ids mean other messages', async (t) => {
  let reads = 0;
  const messages = Array.from({ length: 15_000 }, (_, i) => String(i));
  const { client, url, queues } = await startServer(t, {
    prepare: (app) =>
      app.addHook('preHandler', async ({ method }) => {
        if (method !== 'GET' || ++reads !== 2) return;
        rmSync(`${queues.directory}/q.rot`);
        await queues.rescan();
        await client.create('q', SMALL);
        await client.push('q', messages);
      }),
  });
  await client.create('q', SMALL);
  await client.push('q', messages);
  const ran = await runHere(['read', 'q', '--json', '--limit', '20000'], { ROTERA_URL: url });
  t.equal(ran.code, 1);
  t.equal(ran.stdout.toString().trim().split('\n').length, 10_000);
  t.match(JSON.parse(ran.stderr), { error: 'epoch_changed' });
});

t.test('a file without its server, and while it is served', async (t) => {
  const { client, url, queues } = await startServer(t);
  const env = { ROTERA_URL: url };
  await client.create('q', SMALL);
  await client.push('q', ['a', 'b', 'c']);
  const file = join(queues.directory, 'q.rot');
  for (const words of [
    ['--from', '-2'],
    ['--from', '1', '--json'],
    ['--to', '2', '--format', 'ids'],
  ]) {
    const served = await runHere(['read', 'q', ...words], env);
    t.strictSame(await run(['read', '-s', file, ...words]), served, words.join(' '));
  }
  t.equal((await runHere(['read', '-s', `${file}x`], {})).code, 66);
  t.equal((await runHere(['read'], env)).code, 2, 'neither a queue nor a file');
});
