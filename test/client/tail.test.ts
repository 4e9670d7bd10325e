import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t from 'tap';
import { WebSocketServer } from 'ws';
import { batchOf } from '../../src/batch.js';
import type { TailBatch } from '../../src/client/tail.js';
import { Queues } from '../../src/queue/queues.js';
import { onBothPlatforms, SwiftClock } from '../support/clients.js';
import { Restartable } from '../support/gateway.js';
import { MIB, SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';

/** The texts of the next `count` messages. */
async function take(tail: AsyncGenerator<TailBatch>, count: number): Promise<string[]> {
  const texts: string[] = [];
  while (texts.length < count) {
    const { value, done } = await tail.next();
    if (done === true) throw new Error('the tail ended');
    texts.push(...value.messages.map(({ text }) => text));
  }
  return texts;
}

/** The next batch for which it holds. */
async function until(tail: AsyncGenerator<TailBatch>, holds: (batch: TailBatch) => boolean): Promise<TailBatch> {
  while (true) {
    const { value, done } = await tail.next();
    if (done === true) throw new Error('the tail ended');
    if (holds(value)) return value;
  }
}

onBothPlatforms(t, 'what is kept, then what comes', async (t, connect) => {
  const client = connect({ url: (await startServer(t)).url });
  const { epoch } = await client.create('q', SMALL);
  await client.push('q', ['a', 'b', 'c']);
  const tail = client.tail('q', { from: 1 });
  const first = await until(tail, ({ messages }) => messages.length > 0);
  t.match(first, { queue: 'q', epoch, first: 1, next: 3, gap: null });
  t.strictSame(
    first.messages.map(({ id, text }) => [id, text]),
    [
      [1, 'b'],
      [2, 'c'],
    ],
  );
  t.match(await until(tail, ({ upToDate }) => upToDate), { first: 3, next: 3 });
  await client.push('q', Uint8Array.of(255));
  t.match(await until(tail, ({ messages }) => messages.length > 0), {
    messages: [{ id: 3, data: Uint8Array.of(255) }],
  });
  await tail.return(undefined);
});

onBothPlatforms(t, 'it goes on over restarts, without a hole and without a double', async (t, connect) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  await there.server.client.create('q', SMALL);
  const client = connect({ url: there.url, clock: new SwiftClock() });
  const tail = client.tail('q', { from: 'oldest' });
  const seen: string[] = [];
  for (let round = 0; round < 4; round++) {
    await there.server.client.push('q', [`${round} a`, `${round} b`, `${round} c`]);
    seen.push(...(await take(tail, 3)));
    if (round % 2 === 0) await there.restart();
    else there.gateway.cut();
  }
  await tail.return(undefined);
  t.strictSame(
    seen,
    [0, 1, 2, 3].flatMap((round) => ['a', 'b', 'c'].map((letter) => `${round} ${letter}`)),
  );
});

onBothPlatforms(t, 'what rotation took is told as the gap of a batch', async (t, connect) => {
  const client = connect({ url: (await startServer(t)).url });
  await client.create('q', { ...SMALL, maxMessages: 2 });
  for (const text of ['a', 'b', 'c', 'd', 'e']) await client.push('q', text);
  const tail = client.tail('q', { from: 0 });
  t.match(await until(tail, ({ gap }) => gap !== null), {
    gap: { from: 0, to: 3, count: 3, reason: 'rotated' },
    messages: [],
    first: 3,
    next: 3,
  });
  t.strictSame(await take(tail, 2), ['d', 'e']);
  await tail.return(undefined);
  await t.rejects(client.tail('q', { from: 0, gap: 'fail' }).next(), { code: 'rotated' });
});

onBothPlatforms(t, 'a queue made anew is told, and followed from its beginning', async (t, connect) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  await there.server.client.create('q', SMALL);
  await there.server.client.push('q', ['a', 'b']);
  const client = connect({ url: there.url, clock: new SwiftClock() });
  const tail = client.tail('q', { from: 'oldest' });
  t.strictSame(await take(tail, 2), ['a', 'b']);
  const { directory } = there.options;
  await there.stop();
  rmSync(`${directory}/q.rot`);
  await there.start();
  const { epoch } = await there.server.client.create('q', SMALL);
  await there.server.client.push('q', 'anew');
  t.match(await until(tail, ({ gap }) => gap !== null), {
    epoch,
    gap: { from: 2, to: 0, count: null, reason: 'recreated' },
  });
  t.match(await until(tail, ({ messages }) => messages.length > 0), { first: 0, messages: [{ id: 0, text: 'anew' }] });
  await tail.return(undefined);
});

onBothPlatforms(t, 'a queue that is removed ends its tail', async (t, connect) => {
  const { url, queues } = await startServer(t);
  const client = connect({ url });
  await client.create('q', SMALL);
  const tail = client.tail('q');
  await until(tail, ({ upToDate }) => upToDate);
  rmSync(`${queues.directory}/q.rot`);
  await queues.rescan();
  await t.rejects(tail.next(), { code: 'queue_not_found' });
});

onBothPlatforms(t, 'a cursor moves by acks; what is not acknowledged comes again', async (t, connect) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  const direct = there.server.client;
  await direct.create('q', SMALL);
  await direct.push('q', ['a', 'b', 'c', 'd']);
  const client = connect({ url: there.url, clock: new SwiftClock() });
  const tail = client.tail('q', { cursor: 'c' });
  const batch = await until(tail, ({ messages }) => messages.length > 0);
  t.equal(batch.messages.length, 4);
  batch.ack(1);
  await tail.return(undefined);
  t.match((await direct.stat('q')).cursors, { c: { position: 2 } }, 'acks that were sent arrive');
  const again = client.tail('q', { cursor: 'c' });
  t.strictSame(await take(again, 2), ['c', 'd']);
  await again.return(undefined);
});

onBothPlatforms(
  t,
  'what was dealt with is not counted as missed when its ack was lost and it is gone',
  async (t, connect) => {
    const there = await Restartable.start(t, { directory: t.testdir() });
    await there.server.client.create('q', { ...SMALL, maxMessages: 2 });
    await there.server.client.push('q', ['a', 'b']);
    const client = connect({ url: there.url, clock: new SwiftClock() });
    const tail = client.tail('q', { cursor: 'c', from: 'oldest' });
    const batch = await until(tail, ({ messages }) => messages.length === 2);
    await there.stop();
    batch.ack();
    const elsewhere = await Queues.open(there.options.directory as string, { now: Date.now, pollMs: 0 });
    await elsewhere.get('q').push(batchOf([Buffer.from('c'), Buffer.from('d')]));
    await elsewhere.close();
    await there.start();
    t.strictSame(await take(tail, 2), ['c', 'd']);
    t.match((await there.server.client.stat('q')).cursors, { c: { position: 2, missed: 0 } });
    await tail.return(undefined);
  },
);

onBothPlatforms(
  t,
  'what was given is not told as gone when its connection was lost before its ack',
  async (t, connect) => {
    const there = await Restartable.start(t, { directory: t.testdir() });
    await there.server.client.create('q', { ...SMALL, maxMessages: 4 });
    await there.server.client.push('q', ['0', '1', '2']);
    const client = connect({ url: there.url, clock: new SwiftClock() });
    const tail = client.tail('q', { cursor: 'c', from: 'oldest' });
    await until(tail, ({ next }) => next === 3);
    await there.stop();
    await there.start();
    await there.server.client.push('q', ['3', '4', '5', '6']);
    await there.server.client.push('q', ['7', '8']);
    const { gap } = await until(tail, ({ gap }) => gap !== null);
    t.match(gap, { from: 3, to: 5, count: 2, reason: 'rotated' });
    t.strictSame(await take(tail, 4), ['5', '6', '7', '8']);
    await tail.return(undefined);
  },
);

onBothPlatforms(t, 'acks survive a lost connection, and nothing is given twice', async (t, connect) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  await there.server.client.create('q', SMALL);
  const client = connect({ url: there.url, clock: new SwiftClock() });
  const tail = client.tail('q', { cursor: 'c', from: 'oldest' });
  const seen: number[] = [];
  for (let round = 0; round < 3; round++) {
    await there.server.client.push('q', ['x', 'y']);
    const batch = await until(tail, ({ messages }) => messages.length > 0);
    seen.push(...batch.messages.map(({ id }) => id));
    await there.restart();
    // Said into a dead connection: it is said again over the next one.
    batch.ack();
  }
  await there.server.client.push('q', 'end');
  seen.push(...(await until(tail, ({ messages }) => messages.length > 0)).messages.map(({ id }) => id));
  await tail.return(undefined);
  t.strictSame([...new Set(seen)], seen, 'each once');
  t.strictSame(
    seen,
    [...seen].sort((a, b) => a - b),
  );
  t.match((await there.server.client.stat('q')).cursors, { c: { position: 6 } });
});

onBothPlatforms(t, 'a consumer that takes nothing holds little, and misses nothing', async (t, connect) => {
  const { url, client: direct } = await startServer(t);
  const client = connect({ url, clock: new SwiftClock() });
  await direct.create('q', { maxBytes: 64 * MIB, reserve: false });
  const message = Buffer.alloc(64 * 1024, 'x');
  const tail = client.tail('q', { from: 'oldest' });
  await until(tail, ({ upToDate }) => upToDate);
  for (let i = 0; i < 30; i++) await direct.push('q', new Array<Buffer>(16).fill(message));
  let count = 0;
  while (count < 480) {
    const { value } = await tail.next();
    for (const { id, data } of value?.messages ?? []) {
      if (id !== count || data.length !== message.length) t.fail(`message ${count} is ${id}`);
      count++;
    }
  }
  t.equal(count, 480);
  await tail.return(undefined);
});

onBothPlatforms(t, 'a signal ends a tail, wherever it is', async (t, connect) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  await there.server.client.create('q', SMALL);
  const client = connect({ url: there.url, clock: new SwiftClock() });
  const waiting = new AbortController();
  const tail = client.tail('q', { signal: waiting.signal });
  await until(tail, ({ upToDate }) => upToDate);
  const next = tail.next();
  waiting.abort();
  t.strictSame(await next, { value: undefined, done: true });
  const connecting = new AbortController();
  const away = client.tail('q', { signal: connecting.signal });
  await until(away, ({ upToDate }) => upToDate);
  await there.stop();
  const lost = away.next();
  connecting.abort();
  t.strictSame(await lost, { value: undefined, done: true });
  t.strictSame(await client.tail('q', { signal: AbortSignal.abort() }).next(), { value: undefined, done: true });
});

onBothPlatforms(t, 'a signal ends a tail whose server takes the connection and never answers', async (t, connect) => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    // What the client says is read, so that its end is heard.
    socket.resume();
    taken();
  });
  let taken: () => void = () => undefined;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const ending = new AbortController();
  const connected = new Promise<void>((resolve) => {
    taken = resolve;
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const next = connect({ url }).tail('q', { signal: ending.signal }).next();
  await connected;
  ending.abort();
  t.strictSame(await next, { value: undefined, done: true });
});

onBothPlatforms(t, 'a server that opens tails and ends them at once is not overrun', async (t, connect) => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, handleProtocols: () => 'rotera.batch.v1' });
  await once(server, 'listening');
  t.teardown(() => server.close());
  let connections = 0;
  server.on('connection', (socket) => {
    const next = connections++ < 4 ? 0 : 1;
    socket.send(JSON.stringify({ type: 'open', queue: 'q', epoch: 'e', oldest: 0, next, from: 0 }));
    if (next === 1) {
      const message = { id: connections - 5, time: new Date().toISOString(), data: 'a' };
      socket.send(JSON.stringify({ type: 'messages', messages: [message] }));
    }
    socket.send(JSON.stringify({ type: 'up-to-date', next }));
    socket.close(1011);
  });
  const clock = new SwiftClock();
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ending = new AbortController();
  const tail = connect({ url, clock }).tail('q', { signal: ending.signal });
  t.strictSame(await take(tail, 3), ['a', 'a', 'a']);
  t.strictSame(clock.waits, [75, 150, 300, 600], 'longer and longer, until something comes');
  ending.abort();
  t.strictSame(await tail.next(), { value: undefined, done: true });
});
