/**
 * What a rot file holds besides messages: its format, cursors and producers, as they are found when they are not as expected.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { batchOf } from '../../src/batch.js';
import { checkRotFile } from '../../src/queue/check.js';
import { Environment, type Table } from '../../src/queue/environment.js';
import { newerFormat } from '../support/damage.js';
import { openQueues, pushTexts, SMALL } from '../support/queues.js';

/** Damages the record behind a key as a disk may: one bit of it. */
async function flip(file: string, table: Table, key: string): Promise<void> {
  const environment = Environment.open(file);
  const value = Buffer.from(environment.get(table, Buffer.from(key)) as Buffer);
  value[value.length - 3] = (value.at(-3) as number) ^ 1;
  await environment.commit([{ table, key: Buffer.from(key), value }]);
  await environment.close();
}

t.test('a damaged cursor is not there, and the others are', async (t) => {
  const directory = t.testdir();
  const file = join(directory, 'q.rot');
  const queues = await openQueues(t, directory);
  const { queue } = await queues.create('q', SMALL);
  await pushTexts(queue, 'a', 'b', 'c');
  for (const name of ['one', 'two']) {
    await queue.moveCursor({ kind: 'open', name, position: 0, move: false });
    await queue.moveCursor({ kind: 'ack', name, id: 1 });
  }
  await queues.close();
  await flip(file, 'cursors', 'one');
  t.match(await checkRotFile(file), { sound: false, problems: ['cursor one: damaged'], messages: 3 });
  const again = (await openQueues(t, directory)).get('q');
  t.strictSame(Object.keys(again.cursors()), ['two']);
  t.equal(again.cursor('one'), undefined);
  t.match(again.cursor('two'), { position: 2 });
  await t.rejects(again.moveCursor({ kind: 'ack', name: 'one', id: 2 }), { code: 'cursor_not_found' });
  t.match(await again.moveCursor({ kind: 'open', name: 'one', position: 0, move: false }), { position: 0 });
  await again.close();
  t.match(await checkRotFile(file), { sound: true });
});

t.test('a damaged producer is told that pushes are missing, and stores nothing twice', async (t) => {
  const directory = t.testdir();
  const file = join(directory, 'q.rot');
  const queues = await openQueues(t, directory);
  const { queue } = await queues.create('q', SMALL);
  const batch = batchOf([Buffer.from('a')]);
  const claim = (seq: number) => ({ producer: { id: 'p', epoch: 0, seq } });
  await queue.push(batch, claim(0));
  await queue.push(batch, claim(1));
  await queues.close();
  await flip(file, 'producers', 'p');
  t.match(await checkRotFile(file), { sound: false, problems: ['producer p: damaged'] });
  const again = (await openQueues(t, directory)).get('q');
  await t.rejects(again.push(batch, claim(1)), { code: 'producer_gap', details: { expectedSeq: 0 } });
  t.equal(again.stat().next, 2);
});

t.test('a file of a newer format is refused, and left as it is', async (t) => {
  const directory = t.testdir();
  const file = join(directory, 'q.rot');
  const queues = await openQueues(t, directory);
  await pushTexts((await queues.create('q', SMALL)).queue, 'a');
  await queues.close();
  const { bytes } = newerFormat(readFileSync(file));
  writeFileSync(file, bytes);
  const [unreadable] = (await openQueues(t, directory)).unreadable;
  t.match(unreadable, { queue: 'q', reason: { code: 'not_a_rot_file', details: { format: 2 } } });
  t.ok(readFileSync(file).equals(bytes));
});
