import t from 'tap';
import { Running, runHere } from '../support/cli.js';
import { Restartable } from '../support/gateway.js';
import { SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';

t.test('-n alone ends with the last messages, as tail(1) does; with -f it goes on', async (t) => {
  const { client, url } = await startServer(t);
  const env = { ROTERA_URL: url };
  await client.create('q', SMALL);
  await client.push('q', ['a', 'b', 'c']);
  const said = async (...words: string[]): Promise<string> =>
    (await runHere(['tail', ...words], env)).stdout.toString();
  t.equal(await said('-n', '2', 'q'), 'b\nc\n');
  t.equal(await said('-n2', 'q', '--format=ids'), '1\tb\n2\tc\n');
  t.equal(await said('-n', '0', 'q'), '');
  const tail = new Running(['tail', '-n', '1', '-f', 'q'], env);
  await tail.said(/^c\n$/);
  await client.push('q', 'd');
  t.equal(await tail.said(/^c\nd\n$/), 'c\nd\n');
  tail.interrupt();
  t.equal(await tail.done, 130);
  t.equal(tail.stderr, '');
  t.equal((await runHere(['tail', '-n', '2', '--from', '0', 'q'], env)).code, 2, 'two places to begin');
});

t.test('it goes on over restarts and says so once', async (t) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  await there.server.client.create('q', SMALL);
  await there.server.client.push('q', 'a');
  const tail = new Running(['tail', 'q', '--from', 'oldest', '--json'], { ROTERA_URL: there.url });
  await tail.said(/"a"/);
  await there.stop();
  await tail.said(/"retry":"unreachable"/);
  await there.start();
  await there.server.client.push('q', 'b');
  await tail.said(/"b"/);
  tail.interrupt();
  t.equal(await tail.done, 130);
  const ids = tail.stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { id: number }).id);
  t.strictSame(ids, [0, 1]);
  t.equal(tail.stderr.trim().split('\n').length, 1);
});

t.test('what is gone and a queue made anew are told', async (t) => {
  const { client, url } = await startServer(t);
  const env = { ROTERA_URL: url };
  await client.create('q', { ...SMALL, maxMessages: 1 });
  for (const text of ['a', 'b', 'c']) await client.push('q', text);
  const tail = new Running(['tail', 'q', '--from', '0'], env);
  await tail.said(/^c\n$/);
  t.match(tail.stderr, /2 messages are gone: ids 0 to 1/);
  tail.interrupt();
  await tail.done;
});

t.test('with a cursor, what was written out is acknowledged, and the next tail goes on behind it', async (t) => {
  const { client, url } = await startServer(t);
  const env = { ROTERA_URL: url };
  await client.create('q', SMALL);
  await client.push('q', ['a', 'b']);
  const first = new Running(['tail', 'q', '--cursor', 'c'], env);
  await first.said(/^a\nb\n$/);
  first.interrupt();
  t.equal(await first.done, 130);
  t.match((await client.stat('q')).cursors, { c: { position: 2, lag: 0 } });
  await client.push('q', 'c');
  const second = new Running(['tail', 'q', '--cursor', 'c', '--window', '1'], env);
  t.equal(await second.said(/c\n$/), 'c\n');
  second.interrupt();
  await second.done;
});

t.test('a queue that is removed ends its tail with a code', async (t) => {
  const { client, url, queues } = await startServer(t);
  await client.create('q', SMALL);
  await client.push('q', 'a');
  const tail = new Running(['tail', 'q', '--from', 'oldest'], { ROTERA_URL: url });
  await tail.said(/a\n/);
  const removed = await runHere(['remove', '--yes', `${queues.directory}/q.rot`]);
  t.equal(removed.code, 0);
  await queues.rescan();
  t.equal(await tail.done, 66);
});
