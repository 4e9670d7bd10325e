import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import t from 'tap';
import { batchOf } from '../../src/batch.js';
import type { ReadResult } from '../../src/queue/read.js';
import { WokenReads } from '../../src/server/woken-reads.js';
import { MIB } from '../support/queues.js';
import { startServer } from '../support/server.js';

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
async function turnsOf(reads: WokenReads, sizes: readonly number[]): Promise<Array<{ read: number; turn: number }>> {
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
    }),
  );
  await Promise.all(all);
  clearImmediate(counting);
  return made;
}

t.test('small reads are made at once', async (t) => {
  const made = await turnsOf(new WokenReads(), Array(100).fill(100));
  t.strictSame(
    made,
    made.map((_, read) => ({ read, turn: 0 })),
  );
});

t.test('large reads are made one after the other, each in a turn of its own', async (t) => {
  const reads = new WokenReads();
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
  const reads = new WokenReads();
  const fail = (): never => {
    throw new Error('of its own');
  };
  const first = reads.read(() => resultOf(MIB));
  const failed = reads.read(fail);
  const last = reads.read(() => resultOf(1));
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
