/**
 * What queues keep in memory: little, however large the last message of each was, and however many commits are in a block.
 */
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { batchOf } from '../../src/batch.js';
import { BLOCK_HEADER_BYTES, Block, SEGMENT_HEADER_BYTES, type Slice, sealSegment } from '../../src/queue/block.js';
import { newBlockCache } from '../../src/queue/block-store.js';
import { createRotFile } from '../../src/queue/create.js';
import { DEFAULT_LIMITS } from '../../src/queue/limits.js';
import { RotFile } from '../../src/queue/rot-file.js';
import { MIB } from '../support/queues.js';

const CACHE_BYTES = 2 * MIB;
const NOW = 1_000_000;

/** Files that share one small cache, as those of a server do. */
async function filesOf(t: Test, count: number): Promise<RotFile[]> {
  const directory = t.testdir();
  const blocks = newBlockCache(CACHE_BYTES);
  const files: RotFile[] = [];
  for (let i = 0; i < count; i++) {
    const path = join(directory, `q${i}.rot`);
    await createRotFile(path, { ...DEFAULT_LIMITS, maxBytes: 8 * MIB, reserve: false }, NOW);
    const file = await RotFile.open(path, { blocks });
    t.teardown(() => file.close());
    files.push(file);
  }
  return files;
}

const messageOf = (i: number, length: number): Buffer => Buffer.alloc(length, `message ${i};`);

const push = (file: RotFile, ...messages: Buffer[]) => file.commit({ batches: [batchOf(messages)], entries: [] }, NOW);

const sliceAt = (file: RotFile, id: number): Slice | undefined => file.messages.block(id)?.slice(id, 1, MIB);

/** What is in use: bytes of buffers, and of the heap. */
function inUse(): { buffers: number; heap: number } {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) collect();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return { buffers: arrayBuffers, heap: heapUsed };
}

/** A block of as many commits of one small message each. */
function blockOf(commits: number, first: number): Block {
  const record = Buffer.from([1, 0, 0, 0, 0x78]);
  const buffer = Buffer.allocUnsafeSlow(BLOCK_HEADER_BYTES + commits * (SEGMENT_HEADER_BYTES + record.length));
  Block.create(buffer, first, first);
  let offset = BLOCK_HEADER_BYTES;
  for (let i = 0; i < commits; i++) {
    buffer.set(record, offset + SEGMENT_HEADER_BYTES);
    const end = offset + SEGMENT_HEADER_BYTES + record.length;
    sealSegment(buffer, offset, end, { first: first + i, count: 1, time: Date.now() });
    offset = end;
  }
  return Block.decode(buffer, first);
}

t.test('blocks of many small commits are kept only while there is room for all that they take', async (t) => {
  const COMMITS = 1000;
  const cache = newBlockCache(4 * CACHE_BYTES);
  const before = inUse();
  for (let i = 0; i < 1000; i++) cache.set(`${i}`, blockOf(COMMITS, i * COMMITS));
  const after = inUse();
  const more = after.buffers - before.buffers + after.heap - before.heap;
  t.ok(cache.size > 10, `${cache.size} blocks`);
  t.ok(more < 5 * CACHE_BYTES, `${(more / MIB).toFixed(1)} MiB more than before`);
});

t.test('queues whose last message was large keep it only while the cache has room', async (t) => {
  const FILES = 40;
  const LENGTH = MIB - 100;
  const files = await filesOf(t, FILES);
  const before = inUse().buffers;
  for (const [i, file] of files.entries()) await push(file, messageOf(i, LENGTH));
  const more = inUse().buffers - before;
  t.ok(more < CACHE_BYTES + 10 * MIB, `${Math.round(more / MIB)} MiB more than before`);
  for (const [i, file] of files.entries()) {
    t.ok(sliceAt(file, 0)?.records.subarray(4).equals(messageOf(i, LENGTH)), 'read again');
    t.match(file.messages, { bytes: LENGTH, bytesAbout: LENGTH, damagedBlocks: 0 });
    t.equal(file.messages.timeOf(0), NOW);
    t.same(file.messages.peek(0), { time: NOW, position: 0 });
  }
});

t.test('what a reader holds of the newest block stays as it is, whatever is pushed next', async (t) => {
  const lengths = [200_000, 10, 40_000, 20, 30, 1_000_000, 200_000, 200_000, 5];
  for (const readsAt of [0, 1, 2, 3]) {
    const [file] = (await filesOf(t, 1)) as [RotFile];
    const held: Slice[] = [];
    for (const [i, length] of lengths.entries()) {
      await push(file, messageOf(i, length));
      if (i % 4 === readsAt) held.push(sliceAt(file, i) as Slice);
    }
    const all = lengths.map((_, i) => sliceAt(file, i) as Slice);
    for (const { first, records } of [...held, ...all]) {
      t.ok(records.subarray(4).equals(messageOf(first, lengths[first] as number)), `message ${first}`);
    }
  }
});
