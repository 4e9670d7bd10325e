import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import t from 'tap';
import { newFile } from '../../src/queue/pages/new-file.js';
import { Queues } from '../../src/queue/queues.js';

const MAP_BYTES = 1024 ** 3;

/** The last field of a meta page, the boot of the machine, is of no use to us. */
const BOOT_ID = { at: 160, bytes: 8 };

t.test('a new file is byte for byte what lmdb makes, given its entries in order', async (t) => {
  const path = join(t.testdir(), 'theirs');
  const options = { path, noSubdir: true, overlappingSync: false, safeRestore: true, pageSize: 4096, maxDbs: 8 };
  const theirs = open({ ...options, mapSize: MAP_BYTES } as Parameters<typeof open>[0]);
  const entries = ['state', 'config'].map((key) => ({ key: Buffer.from(key), value: Buffer.from(`value of ${key}`) }));
  theirs.transactionSync(() => {
    const binary = { encoding: 'binary', keyEncoding: 'binary' } as const;
    for (const name of ['blocks', 'cursors', 'meta', 'producers']) {
      const table = theirs.openDB<Buffer, Buffer>({ name, ...binary });
      if (name === 'meta') for (const { key, value } of [...entries].reverse()) table.putSync(key, value);
    }
  });
  await theirs.close();
  const expected = readFileSync(path);
  for (const page of [0, 1]) expected.fill(0, page * 4096 + BOOT_ID.at, page * 4096 + BOOT_ID.at + BOOT_ID.bytes);
  const ours = newFile(MAP_BYTES, { blocks: [], meta: entries, cursors: [], producers: [] });
  t.equal(ours.length, expected.length);
  for (let page = 0; page * 4096 < ours.length; page++) {
    const bytes = (file: Buffer): string => file.toString('hex', page * 4096, (page + 1) * 4096);
    t.equal(bytes(ours), bytes(expected), `page ${page}`);
  }
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
