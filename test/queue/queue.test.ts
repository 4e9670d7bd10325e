import { statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { batchOf } from '../../src/batch.js';
import {
  bytes,
  MIB,
  makeQueue,
  messages,
  openQueues,
  pushTexts,
  readAll,
  readFrom,
  SMALL,
  seeded,
  texts,
} from '../support/queues.js';

const numbers = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `message ${from + i}`);

t.test('what was pushed is read, with the ids that the push was told', async (t) => {
  const queue = await makeQueue(t);
  t.strictSame(await pushTexts(queue, 'a', '', 'ccc'), { epoch: queue.epoch, first: 0, next: 3, duplicate: false });
  t.strictSame(await pushTexts(queue, 'd'), { epoch: queue.epoch, first: 3, next: 4, duplicate: false });
  const all = readFrom(queue, 'oldest');
  t.strictSame(texts(all), ['a', '', 'ccc', 'd']);
  t.match(all, { first: 0, next: 4, oldest: 0, upToDate: true, gap: null, count: 4, epoch: queue.epoch });
  t.strictSame(texts(readFrom(queue, 2)), ['ccc', 'd']);
  t.strictSame(texts(readFrom(queue, -1)), ['d']);
  t.strictSame(texts(readFrom(queue, -100)), ['a', '', 'ccc', 'd']);
  t.match(readFrom(queue, 'next'), { first: 4, next: 4, count: 0, upToDate: true, gap: null });
  t.match(readFrom(queue, 0, 2), { first: 0, next: 2, upToDate: false });
  t.throws(() => readFrom(queue, 5), { code: 'beyond_end', details: { next: 4 } });
});

t.test('a capacity of 1,000 after 10,000 pushes holds exactly the last 1,000', async (t) => {
  const queue = await makeQueue(t, { maxMessages: 1000 });
  await Promise.all(numbers(0, 10_000).map((text) => pushTexts(queue, text)));
  t.match(queue.stat(), { oldest: 9000, next: 10_000, count: 1000, rotated: { messages: 9000, byCount: 9000 } });
  const result = readFrom(queue, 0);
  t.strictSame(result.gap, { from: 0, to: 9000, count: 9000, reason: 'rotated' });
  t.strictSame(texts(result), numbers(9000, 10_000));
  t.match(result, { first: 9000, next: 10_000, upToDate: true });
  t.strictSame(readFrom(queue, 8999, 1).gap, { from: 8999, to: 9000, count: 1, reason: 'rotated' });
  t.equal(readFrom(queue, 9000, 1).gap, null);
});

t.test('a gap ends where the range asked for ends', async (t) => {
  const queue = await makeQueue(t, { maxMessages: 10 });
  for (let i = 0; i < 30; i++) await pushTexts(queue, `message ${i}`);
  const result = queue.read({ from: 3, to: 8, limit: 100, maxBytes: MIB });
  t.match(result, { first: 8, next: 8, count: 0, gap: { from: 3, to: 8, count: 5, reason: 'rotated' } });
  t.throws(() => queue.read({ from: 9, to: 8, limit: 1, maxBytes: 1 }), { code: 'bad_parameter' });
});

t.test('bytes are never more than the queue may keep, and most of it is used', async (t) => {
  const maxBytes = 200_000;
  const queue = await makeQueue(t, { maxBytes, maxMessageBytes: 5000 });
  const random = seeded(2);
  for (let i = 0; i < 300; i++) {
    await queue.push(batchOf([bytes(random(5000), i)]));
    const stat = queue.stat();
    const kept = messages(readFrom(queue, 'oldest'));
    const size = kept.reduce((sum, message) => sum + message.length, 0);
    if (stat.bytes !== size || size > maxBytes) t.fail('bytes', { ...stat, size });
  }
  const stat = queue.stat();
  t.ok(stat.rotated.byBytes > 0 && stat.bytes > maxBytes / 2, `${stat.bytes} bytes are kept`);
  t.equal(stat.rotated.messages, stat.oldest, 'every message that is gone was counted');
});

t.test('messages of 0 bytes to 3 MiB come back byte for byte, also in pieces and after a restart', async (t) => {
  const directory = t.testdir();
  const limits = { maxBytes: 64 * MIB, maxMessageBytes: 4 * MIB, reserve: false };
  const queues = await openQueues(t, directory);
  const { queue } = await queues.create('q', limits);
  const sizes = [
    0,
    1,
    3 * MIB,
    0,
    100,
    65_512,
    65_511,
    65_513,
    MIB,
    MIB - 1,
    MIB + 1,
    7,
    2 * MIB,
    0,
    0,
    32_768,
    900_000,
  ];
  const pushed = sizes.map((size, i) => bytes(size, i));
  await queue.push(batchOf(pushed.slice(0, 9)));
  for (const message of pushed.slice(9, 13)) await queue.push(batchOf([message]));
  await queue.push(batchOf(pushed.slice(13)));
  const same = (found: Buffer[]): boolean =>
    found.length === pushed.length && found.every((message, i) => message.equals(pushed[i]!));
  const piecewise = (from: typeof queue, limit: number, maxBytes: number): Buffer[] => {
    const found: Buffer[] = [];
    for (let id = 0; id < from.next; ) {
      const result = readFrom(from, id, limit, maxBytes);
      if (result.count === 0) throw new Error(`nothing at ${id}`);
      found.push(...messages(result));
      id = result.next;
    }
    return found;
  };
  t.ok(same(piecewise(queue, 1000, 16 * MIB)), 'whole');
  t.ok(same(piecewise(queue, 1, MIB)), 'one by one');
  t.ok(same(piecewise(queue, 5, 70_000)), 'in pieces');
  await queues.close();
  const again = (await openQueues(t, directory)).get('q');
  t.ok(same(piecewise(again, 1000, 16 * MIB)), 'after a restart');
});

t.test('parallel pushes are serialised in one order, each with consecutive ids', async (t) => {
  const queue = await makeQueue(t);
  const random = seeded(3);
  const pushes = Array.from({ length: 500 }, (_, i) => numbers(0, 1 + random(5)).map((text) => `push ${i}, ${text}`));
  const results = await Promise.all(pushes.map((push) => pushTexts(queue, ...push)));
  const { texts: all } = readAll(queue, 77);
  let next = 0;
  for (const [i, result] of results.entries()) {
    const end = next + pushes[i]!.length;
    t.match(result, { first: next, next: end }, 'in the order of the pushes');
    t.strictSame(all.slice(next, end), pushes[i]);
    next = end;
  }
  t.equal(all.length, next);
});

t.test('readers and stat see a message when its push is answered, and no sooner', async (t) => {
  const queue = await makeQueue(t);
  await pushTexts(queue, 'a');
  const push = pushTexts(queue, 'b');
  t.strictSame(texts(readFrom(queue, 0)), ['a']);
  t.equal(queue.stat().next, 1);
  await push;
  t.strictSame(texts(readFrom(queue, 0)), ['a', 'b']);
});

t.test('waitFor resolves when its message is durable, when it is aborted, and when the queue closes', async (t) => {
  const queue = await makeQueue(t);
  const never = new AbortController();
  const waiting = queue.waitFor(1, never.signal);
  await pushTexts(queue, 'a');
  t.equal(await queue.waitFor(0, never.signal), true, 'it is there already');
  await pushTexts(queue, 'b');
  t.equal(await waiting, true);
  const aborted = new AbortController();
  const given = queue.waitFor(2, aborted.signal);
  aborted.abort();
  t.equal(await given, false);
  t.equal(await queue.waitFor(2, aborted.signal), false);
  const closed = queue.waitFor(2, never.signal);
  await queue.close();
  t.equal(await closed, false);
  t.equal(queue.ended, 'closed');
});

t.test('times are those of the commits and never go back', async (t) => {
  let now = 1_700_000_000_000;
  const queue = await makeQueue(t, {}, () => now);
  await pushTexts(queue, 'a');
  now += 5000;
  await pushTexts(queue, 'b');
  now -= 60_000;
  await pushTexts(queue, 'c');
  t.strictSame(
    [0, 1, 2].map((id) => readFrom(queue, id, 1).slices[0]!.time - 1_700_000_000_000),
    [0, 5000, 5000],
  );
  t.match(queue.stat(), { oldestTime: 1_700_000_000_000, newestTime: 1_700_000_005_000 });
  now += 120_000;
  await queue.moveCursor({ kind: 'open', name: 'c', position: 0, move: false });
  t.match(queue.stat(), { newestTime: 1_700_000_005_000 }, 'a cursor that moves is no message');
});

t.test('what does not fit is refused whole', async (t) => {
  const queue = await makeQueue(t, { maxMessages: 3, maxBytes: 100, maxMessageBytes: 60 });
  const refused = (sizes: number[], code: string) =>
    t.rejects(queue.push(batchOf(sizes.map((size) => bytes(size, 1)))), { code }, `${sizes}`);
  await refused([61], 'message_too_large');
  await refused([1, 61], 'message_too_large');
  await refused([1, 1, 1, 1], 'push_too_large');
  await refused([51, 50], 'push_too_large');
  t.match(queue.stat(), { next: 0, count: 0, bytes: 0, oldestTime: null, newestTime: null });
  await queue.push(batchOf([bytes(60, 1), bytes(40, 2), Buffer.alloc(0)]));
  t.match(queue.stat(), { next: 3, count: 3, bytes: 100 });
});

t.test('what the file could never hold is refused before anything is rotated out for it', async (t) => {
  const queue = await makeQueue(t, { maxBytes: MIB, maxMessageBytes: 65_536 });
  for (let i = 0; i < 10; i++) await pushTexts(queue, 'x'.repeat(10_000));
  // Within both limits, but each has a header of four bytes.
  const single = batchOf(Array.from({ length: 1_000_000 }, () => Buffer.from('1')));
  await t.rejects(queue.push(single), { code: 'push_too_large', message: /Push fewer messages at once/ });
  await t.rejects(queue.push(batchOf(Array.from({ length: 1_000_000 }, () => Buffer.alloc(0)))), {
    code: 'push_too_large',
  });
  t.match(queue.stat(), { oldest: 0, next: 10, count: 10, rotated: { messages: 0 } });
  await queue.push(batchOf(Array.from({ length: 100_000 }, () => Buffer.from('1'))));
  t.match(queue.stat(), { next: 100_010, rotated: { byRoom: 0 } });
});

t.test('a group that is too large for the file is committed in parts', async (t) => {
  const queue = await makeQueue(t, { maxBytes: 65_536, maxMessageBytes: 1024 });
  const pushes = Array.from({ length: 6000 }, (_, i) =>
    queue.push(batchOf([Buffer.from('hello')]), { producer: { id: `${'device'.repeat(6)}-${i}`, epoch: 0, seq: 0 } }),
  );
  const pushed = await Promise.all(pushes);
  t.strictSame(
    pushed.map(({ first }) => first),
    pushed.map((_, i) => i),
  );
  t.match(queue.stat(), { oldest: 0, next: 6000, rotated: { messages: 0 } });
});

t.test('the reserved room is really allocated, and never outgrown', async (t) => {
  const directory = t.testdir();
  const queues = await openQueues(t, directory);
  const { queue } = await queues.create('q', { ...SMALL, maxBytes: 2 * MIB, reserve: true });
  const path = join(directory, 'q.rot');
  const { limit } = queue.stat().file;
  const { size, blocks } = statSync(path);
  t.equal(size, limit);
  t.ok(blocks * 512 >= limit, `${blocks * 512} bytes are allocated, of ${limit}`);
  const random = seeded(4);
  for (let i = 0; i < 60; i++) await queue.push(batchOf([bytes(random(MIB), i)]));
  t.ok(queue.stat().oldest > 0, 'it has rotated many times');
  t.equal(statSync(path).size, limit);
  t.strictSame(queue.stat().file, { bytes: limit, limit });
});

t.test('without reserve the file grows as it is used, and ends at its limit', async (t) => {
  const directory = t.testdir();
  const queues = await openQueues(t, directory);
  const { queue } = await queues.create('q', { maxBytes: 2 * MIB, reserve: false });
  t.ok(queue.stat().file.bytes < MIB);
  for (let i = 0; i < 60; i++) await queue.push(batchOf([bytes(500_000, i)]));
  const { file } = queue.stat();
  t.equal(statSync(join(directory, 'q.rot')).size, file.bytes);
  t.ok(file.bytes <= file.limit, `${file.bytes} of ${file.limit}`);
});
