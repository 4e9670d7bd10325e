import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { batchOf } from '../../src/batch.js';
import { checkRotFile } from '../../src/queue/check.js';
import { resizeRotFile, snapshotRotFile } from '../../src/queue/copy.js';
import type { Queue } from '../../src/queue/queue.js';
import { MIB, openQueues, pushTexts, readAll, readFrom, SMALL } from '../support/queues.js';

const LIMITS = { maxBytes: 8 * MIB, reserve: false };
/** More is copied of a large queue than is read at once: rotation is met on the way. */
const UNDER_PUSHES = [
  { count: 500, maxBytes: 8 * MIB, copies: 5 },
  { count: 3, maxBytes: 8 * MIB, copies: 5 },
  { count: 2000, maxBytes: 48 * MIB, copies: 2 },
];
const PRODUCER = { id: 'p', epoch: 1 };

/** Messages of 2 KiB that tell their ids. */
const textOf = (id: number): string => String(id).padEnd(2048, '.');
const pushOf = (first: number, count: number) =>
  batchOf(Array.from({ length: count }, (_, i) => Buffer.from(textOf(first + i))));

/** Pushes until it is told to stop, by one producer, with a cursor that follows. */
function pushSteadily(queue: Queue, count: number): () => Promise<number> {
  let pushes = 0;
  let stopped = false;
  const pushing = (async () => {
    await queue.moveCursor({ kind: 'open', name: 'c', position: 0, move: false });
    while (!stopped) {
      const { next } = await queue.push(pushOf(queue.next, count), { producer: { ...PRODUCER, seq: pushes++ } });
      await queue.moveCursor({ kind: 'ack', name: 'c', id: (next as number) - 1 });
    }
    return pushes;
  })();
  return async () => {
    stopped = true;
    return await pushing;
  };
}

for (const { count, maxBytes, copies: wanted } of UNDER_PUSHES) {
  const what = `of ${count} messages into ${maxBytes / MIB} MiB`;
  t.test(`a snapshot under steady pushes ${what} holds one moment, within its limit`, async (t) => {
    const directory = t.testdir();
    const copied = t.testdir({ of: {} });
    const queues = await openQueues(t, directory);
    const { queue } = await queues.create('q', { ...LIMITS, maxBytes });
    while (queue.oldest === 0) await queue.push(pushOf(queue.next, 500));
    const base = queue.next;
    const stop = pushSteadily(queue, count);
    const copies: Array<{ oldest: number; next: number; began: number; ended: number }> = [];
    for (let i = 0; i < wanted; i++) {
      await sleep(20);
      const began = queue.next;
      const { oldest, next } = await snapshotRotFile(join(directory, 'q.rot'), join(copied, 'of', `copy${i}.rot`));
      copies.push({ oldest, next, began, ended: queue.next });
    }
    await stop();
    t.ok(
      copies.some(({ began, ended }) => ended > began),
      'pushes went on meanwhile',
    );
    for (const [i, { oldest, next, began, ended }] of copies.entries()) {
      const file = join(copied, 'of', `copy${i}.rot`);
      t.match(await checkRotFile(file), { sound: true, problems: [], messages: next - oldest });
      t.ok(statSync(file).size <= queue.stat().file.limit, 'within its limit');
      t.ok(next >= began && next <= ended, 'as it was when the copy began');
      t.ok(oldest < next);
    }
    const opened = await openQueues(t, join(copied, 'of'));
    for (const [i, { oldest, next }] of copies.entries()) {
      const copy = opened.get(`copy${i}`);
      t.match(copy.stat(), { oldest, next, rotated: { messages: oldest } });
      const { texts } = readAll(copy);
      t.strictSame(
        texts,
        Array.from({ length: next - oldest }, (_, at) => textOf(oldest + at)),
      );
      t.ok((copy.cursor('c')?.position ?? 0) <= next, 'no cursor beyond the end');
      // The last push that is in the copy is known as a repeat, the one after it is not.
      let known = 0;
      for (; ; known++) {
        const pushed = await copy.push(pushOf(copy.next, count), { producer: { ...PRODUCER, seq: known } });
        if (pushed.duplicate) continue;
        t.equal(pushed.first, next, 'the first push that is no repeat comes next');
        break;
      }
      t.equal(known, (next - base) / count, 'as many pushes are known as are in the copy');
    }
  });
}

t.test('a copy keeps what its limits allow, and tells what it leaves out', async (t) => {
  const directory = t.testdir();
  const file = join(directory, 'q.rot');
  const queues = await openQueues(t, directory);
  const { queue } = await queues.create('q', LIMITS);
  while (queue.next < 5000) await queue.push(pushOf(queue.next, 500));
  const { epoch, next, oldest } = queue.stat();
  await queues.close();
  const byCount = await resizeRotFile(file, { maxMessages: 1001 });
  t.match(byCount, { oldest: next - 1001, next });
  t.match(await checkRotFile(file), { sound: true, messages: 1001 });
  const byBytes = await resizeRotFile(file, { maxBytes: MIB, maxMessages: 10_000 });
  t.ok(byBytes.oldest > byCount.oldest);
  t.match(await checkRotFile(file), { sound: true, messages: next - byBytes.oldest });
  await resizeRotFile(file, LIMITS);
  const again = (await openQueues(t, directory)).get('q');
  t.match(again.stat(), { epoch, oldest: byBytes.oldest, next });
  t.equal(again.stat().rotated.byCount, next - 1001 - oldest);
  t.equal(readAll(again).texts.length, next - byBytes.oldest);
  t.match(await pushTexts(again, 'more'), { first: next, epoch });
  t.match(readFrom(again, next), { next: next + 1 });
});

t.test('of a newest block that is larger than the copy may be, the newest messages are kept', async (t) => {
  const directory = t.testdir();
  const file = join(directory, 'q.rot');
  const queues = await openQueues(t, directory);
  const { queue } = await queues.create('q', LIMITS);
  // Small commits that are folded into one block, and one of several messages at last.
  for (let i = 0; i < 5; i++) await queue.push(pushOf(queue.next, 1));
  await queue.push(pushOf(queue.next, 5));
  const { epoch } = queue.stat();
  const times = readFrom(queue, 0).slices.map(({ first, time }) => ({ first, time }));
  await queues.close();
  for (const kept of [7, 3, 1]) {
    t.match(await resizeRotFile(file, { maxBytes: kept * 2048 + 1000 }), { oldest: 10 - kept, next: 10 });
    t.match(await checkRotFile(file), { sound: true, problems: [], messages: kept });
    const again = await openQueues(t, directory);
    const small = again.get('q');
    t.strictSame(
      readAll(small).texts,
      Array.from({ length: kept }, (_, i) => textOf(10 - kept + i)),
    );
    t.match(small.stat(), { epoch, bytes: kept * 2048, rotated: { byBytes: 10 - kept } });
    t.match(times, [{}, {}, {}, {}, {}, { time: small.stat().newestTime }]);
    await again.close();
  }
  const last = await openQueues(t, directory);
  t.match(await pushTexts(last.get('q'), 'more'), { first: 10, epoch });
  t.strictSame(readAll(last.get('q')).texts, [textOf(9), 'more']);
});

t.test('a queue that remembers many producers is copied into a small one within its limit', async (t) => {
  const directory = t.testdir();
  const file = join(directory, 'q.rot');
  const queues = await openQueues(t, directory);
  const { queue } = await queues.create('q', { ...LIMITS, maxBytes: 64 * MIB });
  const one = batchOf([Buffer.alloc(100)]);
  const push = (id: number, seq: number) => queue.push(one, { producer: { id: `producer ${id}`, epoch: 0, seq } });
  for (let seq = 0; seq < 20; seq++) await Promise.all(Array.from({ length: 3000 }, (_, id) => push(id, seq)));
  await queues.close();
  await resizeRotFile(file, { maxBytes: SMALL.maxBytes as number });
  t.match(await checkRotFile(file), { sound: true, problems: [] });
});

/** Queues of messages so small that they take most of the file: in blocks with pages of their own, and in ones without. */
const TINY = [
  { maxBytes: 2 * MIB, count: 2000 },
  { maxBytes: MIB / 16, count: 180 },
];

for (const { maxBytes, count } of TINY) {
  t.test(`a full queue of ${maxBytes / 1024} KiB in messages of a byte is copied without a loss`, async (t) => {
    const directory = t.testdir();
    const queues = await openQueues(t, directory);
    const limits = { maxBytes, maxMessages: 10_000_000, reserve: false };
    const push = (queue: Queue) => queue.push(batchOf(Array.from({ length: count }, () => Buffer.from('x'))));
    const { queue: other } = await queues.create('other', limits);
    let pushes = 0;
    for (; other.oldest === 0; pushes++) await push(other);
    const { queue } = await queues.create('q', limits);
    for (let i = 1; i < pushes; i++) await push(queue);
    const { oldest, next, file } = queue.stat();
    t.equal(oldest, 0, 'one push more would rotate');

    const whole = { oldest, next };
    t.match(await snapshotRotFile(join(directory, 'q.rot'), join(directory, 'snapshot.rot')), whole);
    await queues.close();
    t.match(await resizeRotFile(join(directory, 'q.rot'), { maxAgeSeconds: 3600 }), whole);
    for (const name of ['q', 'snapshot']) {
      const path = join(directory, `${name}.rot`);
      t.match(await checkRotFile(path), { sound: true, problems: [], messages: next });
      t.ok(statSync(path).size <= file.limit, 'within its limit');
    }
    const again = await openQueues(t, directory);
    for (const name of ['q', 'snapshot']) {
      for (let i = 0; i < 50; i++) t.match(await push(again.get(name)), { first: next + i * count });
      t.ok(statSync(join(directory, `${name}.rot`)).size <= file.limit, 'within its limit after more pushes');
    }
  });
}
