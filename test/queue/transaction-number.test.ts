/**
 * A program that opens a file while its server commits may set the number of the last transaction back, in the lock file. Written there as
 * that program does it.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { batchOf } from '../../src/batch.js';
import type { Queue } from '../../src/queue/queue.js';
import { Queues } from '../../src/queue/queues.js';
import { readAll, SMALL } from '../support/queues.js';

/** In a process of its own: this one would give up LMDB's locks with the descriptor. */
const SETS_BACK = `
  const fs = require('node:fs');
  const fd = fs.openSync(process.argv[1], 'r+');
  const number = Buffer.alloc(8);
  fs.readSync(fd, number, 0, 8, 8);
  number.writeBigUInt64LE(number.readBigUInt64LE() - BigInt(process.argv[2]));
  fs.writeSync(fd, number, 0, 8, 8);`;

function setBack(path: string, commits: number): void {
  const { status } = spawnSync(process.execPath, ['-e', SETS_BACK, `${path}-lock`, String(commits)]);
  if (status !== 0) throw new Error('the number was not set back');
}

/** Of a block of its own. */
const messageOf = (letter: string): Buffer => Buffer.alloc(40_000, letter);

const push = (queue: Queue, letters: string) => queue.push(batchOf([...letters].map(messageOf)));

const lettersOf = (queue: Queue): string =>
  readAll(queue)
    .texts.map((text) => text.charAt(0))
    .join('');

interface Opened {
  readonly queues: Queues;
  readonly queue: Queue;
  readonly failures: string[];
}

async function open(t: Test, directory: string): Promise<Opened> {
  const failures: string[] = [];
  const onFailure = ({ code }: { code: string }): void => void failures.push(code);
  const queues = await Queues.open(directory, { now: Date.now, pollMs: 0, onFailure });
  t.teardown(() => queues.close());
  const { queue } = await queues.create('q', SMALL);
  return { queues, queue, failures };
}

for (const commits of [1, 2, 3]) {
  t.test(`a number that is set back by ${commits} takes nothing from the file`, async (t) => {
    const directory = t.testdir();
    const path = join(directory, 'q.rot');
    const { queues, queue, failures } = await open(t, directory);
    for (const letter of 'abcd') await push(queue, letter);
    setBack(path, commits);
    await push(queue, 'e');
    t.equal(lettersOf(queue), 'abcde');
    await queue.moveCursor({ kind: 'open', name: 'c', position: 2, move: true });
    setBack(path, commits);
    await push(queue, 'f');
    t.strictSame(failures, []);
    await queues.close();
    const again = await open(t, directory);
    t.equal(lettersOf(again.queue), 'abcdef');
    t.match(again.queue.cursor('c'), { position: 2 });
  });
}

t.test('one that is set back between the last look and the transaction is told', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'q.rot');
  const { queues, queue, failures } = await open(t, directory);
  for (const letter of 'ab') await push(queue, letter);
  const { readSync } = fs;
  const restore = (): void => {
    fs.readSync = readSync;
    syncBuiltinESMExports();
  };
  t.teardown(restore);
  let looks = 0;
  fs.readSync = ((...args: Parameters<typeof readSync>) => {
    const read = readSync(...args);
    // The second look of a commit is the last one before its transaction.
    if (++looks === 2) setBack(path, 1);
    return read;
  }) as typeof readSync;
  syncBuiltinESMExports();
  await t.rejects(push(queue, 'c'), { code: 'queue_read_only' });
  restore();
  await t.rejects(push(queue, 'd'), { code: 'queue_read_only' });
  t.strictSame(failures, ['queue_read_only']);
  await queues.close();
  const again = await open(t, directory);
  t.strictSame(again.failures, []);
  await push(again.queue, 'e');
  t.equal(lettersOf(again.queue), 'ace', 'and the file goes on, with a gap');
});
