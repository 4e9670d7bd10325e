import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import t from 'tap';
import { emptyFile } from '../../src/queue/pages/new-file.js';
import { Queues } from '../../src/queue/queues.js';

const MAP_BYTES = 1024 ** 3;

t.test('an empty file is byte for byte what lmdb makes', async (t) => {
  const path = join(t.testdir(), 'theirs');
  const options = { path, noSubdir: true, overlappingSync: false, safeRestore: true, pageSize: 4096, maxDbs: 8 };
  const theirs = open({ ...options, mapSize: MAP_BYTES } as Parameters<typeof open>[0]);
  t.teardown(() => theirs.close());
  t.ok(emptyFile(MAP_BYTES).equals(readFileSync(path)));
});

t.test('a new queue does not grow before something is pushed, so that lmdb never meets a full disk', async (t) => {
  const directory = t.testdir();
  const queues = await Queues.open(directory, { now: Date.now });
  t.teardown(() => queues.close());
  const { queue } = await queues.create('q', { maxBytes: 100_000, reserve: false });
  const { size, blocks } = statSync(join(directory, 'q.rot'));
  t.equal(size, 96 * 1024);
  t.ok(blocks * 512 >= size, 'all of it is really there');
  t.equal(queue.stat().file.bytes, size);
});
