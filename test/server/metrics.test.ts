import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import type { Queue } from '../../src/queue/queue.js';
import type { Queues } from '../../src/queue/queues.js';
import { Access } from '../../src/server/access.js';
import { Metrics } from '../../src/server/metrics.js';
import { Tails } from '../../src/server/tails.js';
import { makeToken, parseTokens } from '../../src/tokens.js';
import { lint, samplesOf } from '../support/exposition.js';
import { openQueues, pushTexts } from '../support/queues.js';
import { isProblem, type Server, startServer } from '../support/server.js';
import { tailOverEvents, tailOverWebSocket } from '../support/tails.js';

const LIMITS = { maxBytes: 100_000, reserve: false };

async function scrape({ send }: Server): Promise<Map<string, number>> {
  return samplesOf((await send({ path: '/metrics' })).body.toString());
}

/** The samples of one queue, without what depends on the time and the disk. */
const ofQueue = (samples: ReadonlyMap<string, number>, name: string): Record<string, number> =>
  Object.fromEntries(
    [...samples]
      .filter(([key]) => key.includes(`{queue="${name}"`) && !/_file_|_timestamp_/.test(key))
      .map(([key, value]) => [key.replace(`queue="${name}"`, '').replace('{}', ''), value]),
  );

const SOME = {
  rotera_queue_oldest: 1,
  rotera_queue_next: 4,
  rotera_queue_messages: 3,
  rotera_queue_max_messages: 3,
  rotera_queue_bytes: 6,
  rotera_queue_max_bytes: 100_000,
  rotera_queue_read_only: 0,
  rotera_queue_damaged_blocks: 0,
  rotera_queue_waiting_writes: 0,
  rotera_queue_tails: 2,
  rotera_queue_slow_tails: 0,
  rotera_queue_pushes_total: 2,
  rotera_queue_messages_in_total: 4,
  rotera_queue_bytes_in_total: 8,
  rotera_queue_messages_out_total: 10,
  rotera_queue_bytes_out_total: 20,
  'rotera_queue_rotated_messages_total{,reason="count"}': 1,
  'rotera_queue_rotated_messages_total{,reason="bytes"}': 0,
  'rotera_queue_rotated_messages_total{,reason="age"}': 0,
  'rotera_queue_rotated_messages_total{,reason="room"}': 0,
  'rotera_queue_gaps_total{,reason="rotated"}': 3,
  'rotera_queue_gaps_total{,reason="recreated"}': 0,
  'rotera_queue_gaps_total{,reason="damaged"}': 0,
  'rotera_cursor_lag_messages{,cursor="c"}': 4,
  'rotera_cursor_headroom_messages{,cursor="c"}': 0,
  'rotera_cursor_headroom_seconds{,cursor="c"}': 0,
  'rotera_cursor_missed_messages_total{,cursor="c"}': 1,
};

t.test('what happens to a queue is counted', async (t) => {
  const server = await startServer(t);
  const { queues, send, url } = server;
  const { queue } = await queues.create('q', { ...LIMITS, maxMessages: 3 });
  await queues.create('idle', LIMITS);
  await pushTexts(queue, 'aa', 'bb');
  await pushTexts(queue, 'cc', 'dd');
  // Three messages each, behind a gap; and one alone.
  const tails = [
    await tailOverWebSocket(t, url, '/queues/q/tail?from=0'),
    await tailOverEvents(t, url, '/queues/q/tail?from=0'),
  ];
  for (const tail of tails) await tail.received(3);
  t.equal((await send({ path: '/queues/q/messages?cursor=c&from=0' })).status, 200);
  t.equal((await send({ path: '/queues/q/messages/2' })).body.toString(), 'cc');
  const samples = await scrape(server);
  t.strictSame(ofQueue(samples, 'q'), SOME);
  const { rotera_queue_next: next, rotera_queue_tails: open } = ofQueue(samples, 'idle');
  t.strictSame({ next, open }, { next: 0, open: 0 });
  t.equal(samples.get('rotera_tails'), 2);
  t.equal(samples.get('rotera_queues{state="ok"}'), 2);
});

t.test('commits are measured once each, whatever they hold', async (t) => {
  const server = await startServer(t);
  const { queue } = await server.queues.create('q', LIMITS);
  // The first is committed alone; the others wait meanwhile and are one commit.
  await Promise.all([pushTexts(queue, 'a'), pushTexts(queue, 'b', 'c'), pushTexts(queue, 'd')]);
  await queue.moveCursor({ kind: 'open', name: 'c', position: 0, move: false });
  const samples = await scrape(server);
  const histogram = (name: string): unknown[] => [
    samples.get(`rotera_commit_${name}_count`),
    samples.get(`rotera_commit_${name}_sum`),
  ];
  t.strictSame(histogram('pushes'), [2, 3]);
  t.strictSame(histogram('messages'), [2, 4]);
  t.strictSame(histogram('bytes'), [2, 4]);
  t.equal(samples.get('rotera_commit_seconds_count'), 3, 'the cursor made a commit, too');
  const [all = 0, disk = 0] = ['seconds', 'disk_seconds'].map((name) => histogram(name)[1] as number);
  t.ok(disk > 0 && all >= disk, `${all} s, of which the disk took ${disk}`);
});

t.test('refusals are counted by their code', async (t) => {
  const server = await startServer(t);
  await server.send({ path: '/queues/none' });
  await server.send({ path: '/nothing' });
  await server.send({ path: '/nothing' });
  await server.send({ path: '/queues/%zz' });
  const samples = await scrape(server);
  const refused = [...samples].filter(([key, value]) => key.startsWith('rotera_refusals_total') && value > 0);
  t.strictSame(Object.fromEntries(refused), {
    'rotera_refusals_total{code="queue_not_found"}': 1,
    'rotera_refusals_total{code="not_found"}': 2,
    'rotera_refusals_total{code="bad_parameter"}': 1,
  });
});

t.test('a tail is slow when its client has not taken a piece for a second', async (t) => {
  const queues = await openQueues(t, t.testdir());
  const { queue } = await queues.create('q', LIMITS);
  await pushTexts(queue, 'a');
  const tails = new Tails({ maxTails: 2, maxTailsPerToken: 2 }, new Metrics());
  const tail = tails.add(queue, undefined);
  tails.add(queue, undefined);
  t.strictSame([...tails.slow()], [], 'nothing is given to any');
  const began = performance.now();
  tail.give();
  t.equal(tail.isSlow(began + 900), false);
  t.equal(tail.isSlow(performance.now() + 1000), true);
  tail.gave(queue.read({ from: 0, limit: 1, maxBytes: 1 }));
  t.equal(tail.isSlow(performance.now() + 1000), false, 'it has taken it');
  tail.leave();
  tail.leave();
  t.equal(tails.open, 1);
});

t.test('the metrics follow the rules for their names, help and types', async (t) => {
  const server = await startServer(t);
  const { queue } = await server.queues.create('q', LIMITS);
  await pushTexts(queue, 'a');
  await server.send({ path: '/queues/q/messages?cursor=c' });
  const { status, headers, body } = await server.send({ path: '/metrics' });
  t.equal(status, 200);
  t.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  t.strictSame(lint(body.toString()), []);
});

t.test('the lint finds what is wrong', async (t) => {
  const bad: Readonly<Record<string, string>> = {
    'no help': '# HELP a \n# TYPE a gauge\na 1\n',
    type: '# HELP a x\n# TYPE a untyped\na 1\n',
    'a counter ends in _total': '# HELP a x\n# TYPE a counter\na 1\n',
    'and nothing else does': '# HELP a_total x\n# TYPE a_total gauge\na_total 1\n',
    'no base unit': '# HELP a_ms x\n# TYPE a_ms gauge\na_ms 1\n',
    'as a part of a histogram': '# HELP a_count x\n# TYPE a_count gauge\na_count 1\n',
    'its type in its name': '# HELP a_gauge x\n# TYPE a_gauge gauge\na_gauge 1\n',
    'snake case': '# HELP aB x\n# TYPE aB gauge\n',
    'no bucket': '# HELP a x\n# TYPE a histogram\na_sum 1\n',
    'not a number': '# HELP a x\n# TYPE a gauge\na NaN\n',
    'the label of buckets': '# HELP a x\n# TYPE a gauge\na{le="1"} 1\n',
  };
  for (const [problem, text] of Object.entries(bad)) t.match(lint(text), [problem], problem);
  t.throws(() => lint('# HELP a x\n# TYPE a gauge\nb 1\n'), 'a sample of another metric');
  t.throws(() => lint('# HELP a x\n# TYPE a gauge\na 1\na 1\n'), 'a sample twice');
});

t.test('only those who may stat all queues get the metrics', async (t) => {
  const all = makeToken('all', 'stat', '*');
  const one = makeToken('one', 'stat', 'q');
  const access = new Access(parseTokens(`${all.line}\n${one.line}`));
  const { send } = await startServer(t, { app: { access } });
  const ask = (secret: string) => send({ path: '/metrics', headers: { authorization: `Bearer ${secret}` } });
  isProblem(t, await send({ path: '/metrics' }), 401, 'unauthorized');
  isProblem(t, await ask(one.secret), 403, 'forbidden');
  t.equal((await ask(all.secret)).status, 200);
});

/** As many queues as asked for, of which only a few are real: a scrape takes as long for them. */
async function crowd(t: Parameters<typeof openQueues>[0], count: number): Promise<Queues> {
  const queues = await openQueues(t, t.testdir());
  const real: Queue[] = [];
  for (let i = 0; i < 10; i++) {
    const { queue } = await queues.create(`q${i}`, LIMITS);
    await pushTexts(queue, 'a');
    await queue.moveCursor({ kind: 'open', name: 'c', position: 0, move: false });
    real.push(queue);
  }
  const all = Array.from({ length: count }, (_, i) => real[i % real.length] as Queue);
  return { all, unreadable: [] } as unknown as Queues;
}

t.test('a scrape of a thousand queues is cheap, and others have their turn meanwhile', async (t) => {
  const queues = await crowd(t, 1000);
  const metrics = new Metrics();
  const tails = new Tails({ maxTails: 1, maxTailsPerToken: 1 }, metrics);
  const watched = { queues, tails, connections: async () => 0 };
  let cheapest = Number.POSITIVE_INFINITY;
  let longest = 1;
  for (let round = 0; round < 5; round++) {
    let scraping = true;
    const scraped = metrics.scrape(watched).finally(() => {
      scraping = false;
    });
    const turns: number[] = [];
    while (scraping) {
      const before = process.cpuUsage();
      await setImmediate();
      const { user, system } = process.cpuUsage(before);
      turns.push((user + system) / 1000);
    }
    t.match(String(await scraped), /rotera_queue_next\{/);
    const all = turns.reduce((sum, ms) => sum + ms, 0);
    cheapest = Math.min(cheapest, all);
    longest = Math.min(longest, Math.max(...turns) / all);
  }
  t.ok(cheapest < 100, `${cheapest} ms of processor time`);
  t.ok(longest < 0.5, `others wait for ${longest} of it at once`);
});

t.test('who asks during a scrape gets the same one', async (t) => {
  const metrics = new Metrics();
  const tails = new Tails({ maxTails: 1, maxTailsPerToken: 1 }, metrics);
  let asked = 0;
  const connections = async (): Promise<number> => ++asked;
  const watched = { queues: await crowd(t, 1), tails, connections };
  const [first, second] = await Promise.all([metrics.scrape(watched), metrics.scrape(watched)]);
  t.equal(first, second);
  t.equal(asked, 1);
  await metrics.scrape(watched);
  t.equal(asked, 2);
});

t.test('a scrape is bounded, and says what it leaves out', async (t) => {
  const metrics = new Metrics();
  const tails = new Tails({ maxTails: 1, maxTailsPerToken: 1 }, metrics);
  const text = String(await metrics.scrape({ queues: await crowd(t, 2003), tails, connections: async () => 0 }));
  t.equal(text.match(/^rotera_queue_next\{/gm)?.length, 2000);
  t.equal(text.match(/^rotera_cursor_lag_messages\{/gm)?.length, 2000);
  t.match(text, 'rotera_unlisted{kind="queue"} 3\n');
});
