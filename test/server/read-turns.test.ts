import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import t, { type Test } from 'tap';
import { batchOf } from '../../src/batch.js';
import type { Queue } from '../../src/queue/queue.js';
import type { ReadResult } from '../../src/queue/read.js';
import { ReadTurns, readBytes } from '../../src/server/read-turns.js';
import { MIB } from '../support/queues.js';
import { RawConnection } from '../support/raw.js';
import { type Server, startServer } from '../support/server.js';

const resultOf = (bytes: number): ReadResult => ({
  epoch: 'e',
  first: 0,
  next: 1,
  oldest: 0,
  upToDate: true,
  gap: null,
  count: 1,
  isCut: false,
  slices: [{ first: 0, count: 1, time: 0, records: Buffer.alloc(bytes) }],
});

/** In which turn of the event loop each of some reads was made, in the order in which they were. */
async function turnsOf(reads: ReadTurns, sizes: readonly number[]): Promise<Array<{ read: number; turn: number }>> {
  let turn = 0;
  let counting = setImmediate(function next() {
    turn++;
    counting = setImmediate(next);
  });
  const made: Array<{ read: number; turn: number }> = [];
  const all = sizes.map((size, read) =>
    reads.read(() => {
      made.push({ read, turn });
      return resultOf(size);
    }, readBytes),
  );
  await Promise.all(all);
  clearImmediate(counting);
  return made;
}

t.test('small reads are made at once', async (t) => {
  const made = await turnsOf(new ReadTurns(), Array(100).fill(100));
  t.strictSame(
    made,
    made.map((_, read) => ({ read, turn: 0 })),
  );
});

t.test('large reads are made one after the other, each in a turn of its own', async (t) => {
  const reads = new ReadTurns();
  for (let round = 0; round < 2; round++) {
    const made = await turnsOf(reads, [MIB, 100, MIB, 2 * MIB, 100]);
    t.strictSame(
      made.map(({ read }) => read),
      [0, 1, 2, 3, 4],
    );
    const turns = made.map(({ turn }) => turn);
    t.equal(turns[1], turns[2], 'a small one and the next');
    t.ok(turns[0]! < turns[2]! && turns[2]! < turns[3]! && turns[3]! < turns[4]!, turns.join());
  }
});

t.test('a read that fails fails alone', async (t) => {
  const reads = new ReadTurns();
  const fail = (): never => {
    throw new Error('of its own');
  };
  const first = reads.read(() => resultOf(MIB), readBytes);
  const failed = reads.read(fail, readBytes);
  const last = reads.read(() => resultOf(1), readBytes);
  await t.rejects(failed, { message: 'of its own' });
  t.equal((await first).count + (await last).count, 2);
});

t.test('reads that are woken together bring no more than clients may leave untaken', async (t) => {
  const POLLS = 16;
  const { queues, url } = await startServer(t);
  const { queue } = await queues.create('q', { maxBytes: 64 * MIB, reserve: false });
  let waits = 0;
  const allWait = new Promise<void>((resolve) => {
    const { waitFor } = queue;
    queue.waitFor = (id, signal) => {
      if (++waits === POLLS) resolve();
      return waitFor.call(queue, id, signal);
    };
  });
  const path = `/queues/q/messages?from=0&limit=1000000&maxBytes=${16 * MIB}&wait=60`;
  // Of the answers only the heads are looked at: nobody takes the rest.
  const polls = Array.from({ length: POLLS }, async () => {
    const asked = request(`${url}${path}`, { agent: false, headers: { accept: 'application/vnd.rotera.batch' } });
    t.teardown(() => asked.destroy());
    asked.on('error', () => undefined).end();
    const [{ statusCode, headers }] = (await once(asked, 'response')) as [IncomingMessage];
    return { statusCode, bytes: Number(headers['content-length']) };
  });
  await allWait;
  const message = Buffer.alloc(1024, 'x');
  await queue.push(batchOf(Array.from({ length: 16_000 }, () => message)));
  const answers = await Promise.all(polls);
  t.ok(
    answers.every(({ statusCode, bytes }) => statusCode === 200 && bytes > 0),
    'each has something',
  );
  const bytes = answers.reduce((sum, answer) => sum + answer.bytes, 0);
  t.ok(bytes > 16 * MIB, 'the first has all');
  t.ok(bytes < 48 * MIB, `${bytes} bytes`);
});

const CLIENTS = 12;
const WHOLE = `limit=1000000&maxBytes=${16 * MIB}`;

/** A server with a queue of 16 MiB, and how many bytes were read of it. */
async function startWhole(t: Test): Promise<Server & { queue: Queue; read: () => number }> {
  const server = await startServer(t);
  const { queue } = await server.queues.create('q', { maxBytes: 64 * MIB, reserve: false });
  const message = Buffer.alloc(64 * 1024, 'x');
  await queue.push(batchOf(Array.from({ length: 256 }, () => message)));
  let bytes = 0;
  const { read } = queue;
  queue.read = (options) => {
    const result = read.call(queue, options);
    bytes += readBytes(result);
    return result;
  };
  return { ...server, queue, read: () => bytes };
}

/** Sends requests and takes no answer. Resolves when all have come. */
async function sendAll(t: Test, { app: { server }, url }: Server, requests: readonly string[]): Promise<void> {
  let left = requests.length;
  const asked = new Promise<void>((resolve) => {
    server.on('request', () => --left === 0 && resolve());
  });
  const { socket } = await RawConnection.to(Number(new URL(url).port));
  t.teardown(() => socket.destroy());
  socket.pause();
  const head = 'HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.rotera.batch\r\n\r\n';
  socket.write(requests.map((path) => `GET ${path} ${head}`).join(''));
  await asked;
}

t.test('reads that one client sends at once bring no more than clients may leave untaken', async (t) => {
  const server = await startWhole(t);
  await sendAll(t, server, Array(CLIENTS).fill(`/queues/q/messages?from=0&${WHOLE}`));
  // Behind all of them.
  await server.send({ path: '/queues/q/messages?limit=1' });
  t.ok(server.read() < 48 * MIB, `${server.read()} bytes`);
});

t.test('reads behind acks that one commit stores bring no more than clients may leave untaken', async (t) => {
  const server = await startWhole(t);
  const { queue } = server;
  const names = Array.from({ length: CLIENTS }, (_, i) => `c${i}`);
  await Promise.all(names.map((name) => queue.moveCursor({ kind: 'open', name, position: 0, move: false })));
  const { moveCursor } = queue;
  const acks: Array<() => void> = [];
  const allHeld = new Promise<void>((resolve) => {
    queue.moveCursor = async (change) => {
      if (change.kind !== 'ack') return moveCursor.call(queue, change);
      await new Promise<void>((stored) => {
        if (acks.push(stored) === CLIENTS) resolve();
      });
      return moveCursor.call(queue, change);
    };
  });
  await Promise.all(names.map((name) => sendAll(t, server, [`/queues/q/messages?cursor=${name}&ack=0&${WHOLE}`])));
  await allHeld;
  for (const ack of acks) ack();
  // Behind their commit, and then behind all of them.
  await moveCursor.call(queue, { kind: 'ack', name: 'c0', id: 0 });
  await server.send({ path: '/queues/q/messages?limit=1' });
  t.ok(server.read() < 48 * MIB, `${server.read()} bytes`);
});
