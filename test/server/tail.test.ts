import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { batchOf } from '../../src/batch.js';
import type { Queue } from '../../src/queue/queue.js';
import { bytes, pushTexts } from '../support/queues.js';
import { isProblem, type Server, startServer } from '../support/server.js';
import { type OpenTail, type Tail, tailOverEvents, tailOverWebSocket } from '../support/tails.js';

const LIMITS = { maxBytes: 10_000_000, reserve: false };
const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `message ${from + i}`);
const data = (tail: Tail): string[] => tail.messages.map((message) => message.data);
const ids = (tail: Tail): number[] => tail.messages.map(({ id }) => id);

interface Given extends Server {
  readonly queue: Queue;
  readonly open: (query?: string) => Promise<Tail>;
}

/** Runs a suite over both transports of the tail. */
function contract(name: string, limits: object, suite: (t: Test, given: Given) => Promise<void>): void {
  const transports: ReadonlyArray<readonly [string, OpenTail]> = [
    ['a WebSocket', tailOverWebSocket],
    ['server-sent events', tailOverEvents],
  ];
  for (const [transport, openTail] of transports) {
    t.test(`${name}, over ${transport}`, async (t) => {
      const server = await startServer(t);
      const { queue } = await server.queues.create('q', { ...LIMITS, ...limits });
      await suite(t, { ...server, queue, open: (query = '') => openTail(t, server.url, `/queues/q/tail${query}`) });
    });
  }
}

contract('a tail from the oldest message has what was pushed before and after', {}, async (t, { queue, open }) => {
  await pushTexts(queue, ...numbered(0, 5));
  const tail = await open('?from=oldest');
  await tail.received(5);
  await pushTexts(queue, ...numbered(5, 8));
  await pushTexts(queue, ...numbered(8, 9));
  await tail.received(9);
  t.strictSame(data(tail), numbered(0, 9));
  t.strictSame(ids(tail), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  t.match(tail.messages[0], { time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ });
  t.strictSame(tail.gaps, []);
});

contract('a tail begins where it is told', {}, async (t, { queue, open }) => {
  await pushTexts(queue, ...numbered(0, 10));
  const tails = await Promise.all(['?from=4', '?from=-3', '?from=next', '', '?from=10'].map(open));
  await pushTexts(queue, 'last');
  for (const tail of tails) await tail.until(() => ids(tail).at(-1) === 10);
  t.strictSame(
    tails.map((tail) => ids(tail)[0]),
    [4, 7, 10, 10, 10],
  );
});

contract('a tail opened in the middle of a stream of pushes misses none and doubles none', {}, async (t, given) => {
  const { queue, open } = given;
  const total = 600;
  const opened: Promise<Tail>[] = [];
  for (let i = 0; i < total; i++) {
    if (i % 100 === 50) opened.push(open('?from=0'));
    // Some wait for their commit, so that groups of many sizes come about.
    const push = pushTexts(queue, `message ${i}`);
    if (i % 7 === 0) await push;
  }
  for (const tail of await Promise.all(opened)) {
    await tail.received(total);
    t.strictSame(data(tail), numbered(0, total));
  }
});

contract('a gap is told at its place', { maxMessages: 10 }, async (t, { queue, open }) => {
  for (let i = 0; i < 30; i++) await pushTexts(queue, `message ${i}`);
  const tail = await open('?from=3');
  await tail.received(10);
  t.match(tail.gaps, [{ from: 3, to: 20, count: 17, reason: 'rotated' }]);
  t.strictSame(data(tail), numbered(20, 30));
  const order = tail.frames.map(({ type }) => type).filter((type) => type === 'gap' || type === 'messages');
  t.equal(order[0], 'gap');
});

contract('a consumer that does not read is fed from the file when it does', {}, async (t, { queue, open }) => {
  const messages = Array.from({ length: 40 }, (_, i) => bytes(100_000, i));
  const tail = await open('?from=oldest');
  for (const message of messages) await queue.push(batchOf([message]));
  await tail.received(messages.length);
  const same = tail.messages.every(({ data, encoding }, i) => Buffer.from(data, encoding).equals(messages[i]!));
  t.ok(same, 'byte for byte');
});

contract('stat counts the tails that are open', {}, async (t, { client, open, app }) => {
  t.equal((await client.stat('q')).tails, 0);
  const tails = await Promise.all([open(), open()]);
  t.equal((await client.stat('q')).tails, 2);
  for (const tail of tails) tail.stop();
  await Promise.all(tails.map((tail) => tail.ended()));
  // The server learns of it a moment later than the client.
  while ((await client.stat('q')).tails > 0) await new Promise(setImmediate);
  t.equal(app.websocketServer.clients.size, 0);
});

t.test('a WebSocket is first told where it stands, and when it is up to date', async (t) => {
  const { queues, url } = await startServer(t);
  const { queue } = await queues.create('q', { ...LIMITS, maxMessages: 2 });
  await pushTexts(queue, 'a');
  await pushTexts(queue, 'b');
  await pushTexts(queue, 'c');
  const tail = await tailOverWebSocket(t, url, '/queues/q/tail?from=0');
  await tail.until(({ frames }) => frames.at(-1)?.type === 'up-to-date');
  const { epoch } = queue;
  t.match(
    tail.frames.filter(({ type }) => type !== 'messages'),
    [
      { type: 'open', queue: 'q', epoch, oldest: 1, next: 3, from: 0 },
      { type: 'gap', from: 0, to: 1, count: 1, reason: 'rotated' },
      { type: 'up-to-date', next: 3 },
    ],
  );
  t.strictSame(data(tail), ['b', 'c']);
});

t.test('server-sent events come in the form that EventSource takes', async (t) => {
  const { queues, url } = await startServer(t, { now: () => 0 });
  const { queue } = await queues.create('q', LIMITS);
  await queue.push(batchOf([Buffer.from('one\ntwo'), Buffer.from([0xff])]));
  const abort = new AbortController();
  t.teardown(() => abort.abort());
  const answer = await fetch(`${url}/queues/q/tail?from=0`, { signal: abort.signal });
  t.match(Object.fromEntries(answer.headers), {
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
    // A stream takes its connection for itself: kept alive, it would hold up a server that stops.
    connection: 'close',
    'rotera-epoch': queue.epoch,
    'rotera-oldest': '0',
    'rotera-next': '2',
  });
  const time = '1970-01-01T00:00:00.000Z';
  const wanted = [
    'retry: 2000\n\n',
    `id: ${queue.epoch}:0\ndata: {"id":0,"time":"${time}","data":"one\\ntwo"}\n\n`,
    `id: ${queue.epoch}:1\ndata: {"id":1,"time":"${time}","data":"/w==","encoding":"base64"}\n\n`,
  ].join('');
  const reader = answer.body!.getReader();
  let text = '';
  while (text.length < wanted.length) text += Buffer.from((await reader.read()).value!).toString();
  t.equal(text, wanted);
});

t.test('a tail that cannot be is refused with a plain answer, before any upgrade', async (t) => {
  const { queues, url, send } = await startServer(t);
  await queues.create('q', LIMITS);
  const refused: ReadonlyArray<readonly [path: string, status: number, code: string]> = [
    ['/queues/none/tail', 404, 'queue_not_found'],
    ['/queues/.q/tail', 400, 'bad_name'],
    ['/queues/q/tail?from=x', 400, 'bad_parameter'],
    ['/queues/q/tail?from=1', 416, 'beyond_end'],
    ['/queues/q/tail?colour=red', 400, 'bad_parameter'],
  ];
  for (const [path, status, code] of refused) {
    isProblem(t, await send({ path }), status, code);
    const socket = new WebSocket(new URL(path, url.replace('http', 'ws')));
    const answered = await new Promise<number>((resolve, reject) => {
      socket.on('unexpected-response', (_request, answer) => resolve(answer.statusCode ?? 0));
      socket.on('open', () => reject(new Error('it was opened')));
    });
    t.equal(answered, status, `${path}, upgraded`);
    socket.on('error', () => undefined).terminate();
  }
  isProblem(t, await send({ method: 'POST', path: '/queues/q/tail' }), 405, 'method_not_allowed');
  t.equal((await send({ method: 'HEAD', path: '/queues/q/tail' })).status, 405);
});
