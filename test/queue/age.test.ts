/**
 * Rotation by age: what it costs where many blocks are damaged, and where many are too old.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import t, { type Test } from 'tap';
import { batchOf } from '../../src/batch.js';
import type { Block } from '../../src/queue/block.js';
import { createRotFile } from '../../src/queue/create.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/queue/limits.js';
import { Queue } from '../../src/queue/queue.js';
import { RotFile } from '../../src/queue/rot-file.js';
import { MIB } from '../support/queues.js';

/** Too large to be folded: each push is a block of its own. */
const MESSAGE = Buffer.alloc(40_000, 'm');
const START = 1_000_000_000;

/** A file of so many blocks, committed a second after another, of one message each. Nothing that was read stays in memory. */
async function fileOf(t: Test, blocks: number, limits: Partial<Limits>): Promise<RotFile> {
  const path = join(t.testdir(), 'q.rot');
  await createRotFile(path, { ...DEFAULT_LIMITS, reserve: false, ...limits }, START);
  const cache = new LRUCache<string, Block>({ maxSize: 1, sizeCalculation: (block) => block.buffer.length });
  const file = await RotFile.open(path, { blocks: cache });
  t.teardown(() => file.close());
  const push = { batches: [batchOf([MESSAGE])], entries: [] };
  for (let i = 0; i < blocks; i++) await file.commit(push, START + i * 1000);
  return file;
}

/** Counts the values of blocks that are read. */
function countReads(file: RotFile): () => number {
  let reads = 0;
  const { environment } = file;
  const get = environment.get.bind(environment);
  environment.get = (table, key) => {
    if (table === 'blocks') reads++;
    return get(table, key);
  };
  return () => {
    const counted = reads;
    reads = 0;
    return counted;
  };
}

t.test('damaged blocks are read once by a search for a time, and not again by the next ones', async (t) => {
  const BLOCKS = 100;
  const DAMAGED = 60;
  const file = await fileOf(t, BLOCKS, { maxBytes: 16 * MIB, maxAgeSeconds: 3600 });
  const { environment, messages } = file;
  const keys = environment.keys('blocks', {}).slice(0, DAMAGED);
  await environment.commit(
    keys.map((key) => {
      const value = environment.get('blocks', key) as Buffer;
      value[value.length - 1] = 0;
      return { table: 'blocks', key, value };
    }),
  );
  const reads = countReads(file);
  const now = START + BLOCKS * 1000;
  t.equal(messages.idAt(START + 80_000), 80);
  t.ok(reads() <= DAMAGED + 20, 'each once');
  t.equal(messages.idAt(START + 30_000), 0, 'what is damaged has the time of what is behind it');
  t.equal(messages.idAt(START + 70_000), 70);
  t.ok(reads() < 20, 'none of them');
  await file.commit({ batches: [batchOf([MESSAGE])], entries: [] }, now);
  t.equal(await file.expire(now), 0);
  t.ok(reads() < 10, 'nor by commits');
  t.equal(file.state.oldest, 0);
  await file.expire(START + 3_600_000 + 50_000);
  t.equal(file.state.oldest, 0, 'kept as long as it may be young enough');
  await file.expire(START + 3_600_000 + 75_000);
  t.equal(file.state.oldest, 75);
});

t.test('what is too old in many blocks goes in parts, with the pushes that come meanwhile', async (t) => {
  const BLOCKS = 900;
  const file = await fileOf(t, BLOCKS, { maxBytes: 64 * MIB, maxAgeSeconds: 3600 });
  const queue = new Queue('q', file, { now: () => START + 10_000_000 });
  t.equal(file.environment.keys('blocks', {}).length, BLOCKS);
  await queue.expire();
  t.equal(queue.oldest, 256, 'a part');
  await queue.push(batchOf([MESSAGE]));
  t.ok(queue.oldest < BLOCKS, 'a push does not wait for all');
  while (queue.oldest < BLOCKS) await sleep(5);
  t.match(queue.stat(), { oldest: BLOCKS, next: BLOCKS + 1, rotated: { messages: BLOCKS, byAge: BLOCKS } });
  t.equal(file.environment.keys('blocks', {}).length, 1);
  await queue.close();
});

t.test('a queue that closes does not wait for what is too old', async (t) => {
  const BLOCKS = 800;
  const file = await fileOf(t, BLOCKS, { maxBytes: 64 * MIB, maxAgeSeconds: 3600 });
  const queue = new Queue('q', file, { now: () => START + 10_000_000 });
  await queue.expire();
  await queue.close();
  t.ok(queue.oldest >= 256 && queue.oldest < BLOCKS);
});

t.test('a push that is stored is answered, also when it cannot be seen what is too old then', async (t) => {
  const file = await fileOf(t, 2, { maxBytes: 16 * MIB, maxAgeSeconds: 1 });
  const queue = new Queue('q', file, { now: () => START + 1000 });
  t.teardown(() => queue.close());
  file.hasExpired = () => {
    throw new Error('MDB_READERS_FULL');
  };
  t.match(await queue.push(batchOf([MESSAGE])), { first: 2, next: 3 });
  t.equal(queue.next, 3);
});
