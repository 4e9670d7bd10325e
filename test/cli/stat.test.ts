import { join } from 'node:path';
import t from 'tap';
import { renderRing } from '../../cli/ring.js';
import { renderList } from '../../cli/stat-view.js';
import { styleFor } from '../../cli/style.js';
import { bytesText, countedText, durationText } from '../../cli/units.js';
import type { ListBody, StatBody } from '../../src/protocol/answers.js';
import { Running, runHere } from '../support/cli.js';
import { run } from '../support/program.js';
import { SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';

const plain = styleFor(process.stdout, { NO_COLOR: '1' });

function ring(
  stat: Partial<StatBody>,
  positions: Readonly<Record<string, number>> = {},
  columns = Number.POSITIVE_INFINITY,
): string[] {
  const cursors = Object.fromEntries(Object.entries(positions).map(([name, position]) => [name, { position }]));
  const whole = { maxMessages: 100, maxBytes: 1e6, bytes: 0, oldest: 0, next: 0, count: 0, ...stat, cursors };
  return renderRing(whole as Parameters<typeof renderRing>[0], { ...plain, columns })
    .trimEnd()
    .split('\n');
}

t.test('the ring shows how full it is, and by what', async (t) => {
  t.strictSame(ring({}), [`oldest 0 |${'.'.repeat(50)}| next 0   0% of max messages`]);
  t.strictSame(ring({ oldest: 5, next: 55, count: 50 }), [
    `oldest 5 |${'#'.repeat(25)}${'.'.repeat(25)}| next 55   50% of max messages`,
  ]);
  t.strictSame(ring({ next: 1, count: 1, bytes: 1e6 }), [`oldest 0 |${'#'.repeat(50)}| next 1   100% of max bytes`]);
  t.match(ring({ next: 1, count: 1 })[0], /\|#\.{49}\|/, 'one message is seen');
});

t.test(
  'the ring shows where cursors stand: at the oldest, between, at the end, and overrun ones at the oldest',
  async (t) => {
    const [marks = '', strip = ''] = ring({ oldest: 100, next: 200, count: 100 }, { late: 3, half: 150, done: 200 });
    const start = strip.indexOf('|') + 1;
    t.strictSame([marks.indexOf('a') - start, marks.indexOf('b') - start, marks.indexOf('c') - start], [0, 25, 50]);
    t.match(ring({ next: 10, count: 10 }, { a: 4, b: 4 })[0], /\*/);
  },
);

t.test('the ring fits the terminal, beside its numbers or above them', async (t) => {
  const half = { oldest: 5, next: 55, count: 50 };
  t.strictSame(ring(half, {}, 70), [`oldest 5 |${'#'.repeat(15)}${'.'.repeat(14)}| next 55   50% of max messages`]);
  t.equal(ring(half, {}, 70)[0]?.length, 70);
  t.strictSame(ring(half, { a: 5, b: 30 }, 36), [
    ` a${' '.repeat(8)}b`,
    `|${'#'.repeat(17)}${'.'.repeat(17)}|`,
    'oldest 5 next 55   50% of max messages',
  ]);
});

t.test('a table leaves out what does not fit', async (t) => {
  const stat = { queue: 'q', count: 0, bytes: 0, maxMessages: 1, maxBytes: 1, oldest: 0, next: 0, state: 'ok' };
  const queues = [{ ...stat, file: { bytes: 0, limit: 1 } }] as unknown as ListBody['queues'];
  const heading = (columns: number): string => renderList(queues, columns, new Map()).split('\n')[0] as string;
  const everything = heading(Number.POSITIVE_INFINITY);
  t.equal(heading(everything.length), everything);
  t.equal(heading(everything.length - 1), everything.replace(' FILE ', ''));
  t.equal(heading(10), 'QUEUE  MESSAGES  FULL  STATE  PUSHED');
});

t.test('sizes, counts and durations as people read them', async (t) => {
  t.strictSame([0, 1023, 1536, 150 * 1024, 2 ** 30, 2 ** 50].map(bytesText), [
    '0 B',
    '1023 B',
    '1.5 KiB',
    '150 KiB',
    '1.0 GiB',
    '1024 TiB',
  ]);
  t.strictSame([countedText(1, 'message'), countedText(2000, 'message')], ['1 message', '2,000 messages']);
  t.strictSame([0, 0.25, 59, 60, 3700, 93_784, 86_400].map(durationText), [
    '0s',
    '0.3s',
    '59s',
    '1m',
    '1h 1m',
    '1d 2h',
    '1d',
  ]);
});

t.test('one queue with its cursors, and the file without its server', async (t) => {
  const { client, url, queues } = await startServer(t);
  await client.create('q', { ...SMALL, maxMessages: 10 });
  await client.push('q', ['a', 'b', 'c', 'd']);
  await client.read('q', { cursor: 'worker' });
  await client.ack('q', 'worker', 1);
  const served = (await runHere(['stat', 'q'], { ROTERA_URL: url })).stdout.toString();
  t.match(served, /^CURSOR +POSITION +LAG +HEADROOM +MISSED +UPDATED\na worker +2 +2 +8 messages/m);
  const file = join(queues.directory, 'q.rot');
  const offline = JSON.parse((await run(['stat', '-s', file, '--json'])).stdout.toString());
  const { cursors, ...stat } = await client.stat('q');
  t.match(offline, { ...stat, cursors: { worker: { position: 2, lag: 2 } } });
  t.match(cursors, { worker: { position: 2 } });
});

t.test('--watch looks again and again, with rates', async (t) => {
  const { client, url } = await startServer(t);
  await client.create('q', SMALL);
  const env = { ROTERA_URL: url };
  const one = new Running(['stat', 'q', '--watch', '--interval', '100ms'], env);
  await one.said(/^rate +\d+ messages\/s$/m);
  one.interrupt();
  t.equal(await one.done, 130);
  const all = new Running(['stat', '--watch', '--interval', '100ms', '--json'], env);
  await all.said(/\n.*\n/);
  await client.push('q', 'a');
  await all.said(/"next":1/);
  all.interrupt();
  t.equal(await all.done, 130);
});
