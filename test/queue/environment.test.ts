import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { open, type RootDatabase } from 'lmdb';
import t from 'tap';
import { type Entry, Environment } from '../../src/queue/environment.js';

/** Transactions that a file has seen, as another reader of it counts them. */
const transactions = (reader: RootDatabase): number => {
  reader.resetReadTxn();
  return (reader.getStats() as unknown as { lastTxnId: number }).lastTxnId;
};

const key = (i: number): Buffer => Buffer.from([i >> 8, i & 255]);

t.test('a commit is one transaction, however much it holds', async (t) => {
  const path = join(t.testdir(), 'q.rot');
  const environment = Environment.open(path);
  const reader = open({ path, noSubdir: true, readOnly: true, maxDbs: 8, overlappingSync: false });
  t.teardown(async () => {
    await reader.close();
    await environment.close();
  });
  const sizes = [[10], [10, 10], Array(50).fill(65_000), [10, 9_000_000], [9_000_000, 10], Array(2000).fill(100)];
  for (const values of sizes) {
    const before = transactions(reader);
    const entries = values.map(
      (bytes: number, i: number): Entry => ({ table: 'blocks', key: key(i), value: Buffer.alloc(bytes, i) }),
    );
    await environment.commit(entries);
    t.equal(transactions(reader), before + 1, `${values.length} values`);
    for (const { key, value } of entries) t.ok(environment.get('blocks', key)?.equals(value as Buffer));
    await environment.commit(entries.map((entry): Entry => ({ ...entry, value: null })));
    t.equal(transactions(reader), before + 2, `${values.length} removals`);
    t.equal(environment.count('blocks'), 0);
  }
});

t.test('reads see no commit before it is answered', async (t) => {
  const environment = Environment.open(join(t.testdir(), 'q.rot'));
  t.teardown(() => environment.close());
  const count = async (from: number, to: number): Promise<number> => {
    let early = 0;
    let answered = false;
    const value = Buffer.alloc(1000, to);
    const commit = environment
      .commit([
        { table: 'blocks', key: key(from), value: null },
        { table: 'blocks', key: key(to), value },
      ])
      .finally(() => {
        answered = true;
      });
    for (; !answered; await nextTurn()) {
      const keys = environment.keys('blocks', {}).map((one) => one.readUInt16BE());
      const seen = environment.get('blocks', key(from)) !== undefined && environment.entries('blocks').length === 1;
      if (!seen || keys[0] !== from || environment.borrow('blocks', key(to)) !== undefined) early++;
    }
    await commit;
    t.ok(environment.get('blocks', key(to))?.equals(value));
    return early;
  };
  await environment.commit([{ table: 'blocks', key: key(0), value: Buffer.alloc(10) }]);
  let early = 0;
  for (let i = 0; i < 300; i++) early += await count(i, i + 1);
  t.equal(early, 0);
});
