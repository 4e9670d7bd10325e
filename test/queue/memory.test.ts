/**
 * What an idle queue keeps in memory: little, however large its last message was.
 */
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { LRUCache } from 'lru-cache';
import t, { type Test } from 'tap';
import { batchOf } from '../../src/batch.js';
import type { Block, Slice } from '../../src/queue/block.js';
import { createRotFile } from '../../src/queue/create.js';
import { DEFAULT_LIMITS } from '../../src/queue/limits.js';
import { RotFile } from '../../src/queue/rot-file.js';
import { MIB } from '../support/queues.js';

const CACHE_BYTES = 2 * MIB;
const NOW = 1_000_000;

/** Files that share one small cache, as those of a server do. */
async function filesOf(t: Test, count: number): Promise<RotFile[]> {
  const directory = t.testdir();
  const blocks = new LRUCache<string, Block>({
    maxSize: CACHE_BYTES,
    sizeCalculation: (block) => block.buffer.length,
  });
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

/** Bytes of buffers that are in use. */
function buffersInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) collect();
  return process.memoryUsage().arrayBuffers;
}

t.test('queues whose last message was large keep it only while the cache has room', async (t) => {
  const FILES = 40;
  const LENGTH = MIB - 100;
  const files = await filesOf(t, FILES);
  const before = buffersInUse();
  for (const [i, file] of files.entries()) await push(file, messageOf(i, LENGTH));
  const more = buffersInUse() - before;
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
