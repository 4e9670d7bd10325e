/**
 * Checks directories of queues one after the other, opens them, reads all that they hold, pushes some more and reads that,
 * checks them again, and says what it found.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Batch, batchOf, messagesOf } from '../../../src/batch.js';
import { checkRotFile } from '../../../src/queue/check.js';
import type { Queue } from '../../../src/queue/queue.js';
import { queueName } from '../../../src/queue/queue-name.js';
import { Queues } from '../../../src/queue/queues.js';
import type { Ack, Found, Run } from '../judge.js';
import { labelOf, messageOf } from '../messages.js';
import { job, say } from './say.js';

/** Work for the examiner. */
export interface Examination {
  readonly directories: readonly string[];
  /** Queues made when they are not there, so that each directory shows that pushing works. */
  readonly queues: readonly string[];
  /** The life that its own pushes name. */
  readonly life: number;
}

/** Temporary files of processes that have ended, which the next start takes away. */
function leftovers(directory: string): string[] {
  const left = readdirSync(directory).filter((file) => {
    const pid = /\.tmp-(\d+)-/.exec(file)?.[1];
    // The number may have gone to another process since.
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
  return left.map((file) => `${file.replace(/-\d+-.*/, '')} is left behind`);
}

/** What `rotera check` finds in the files of a directory at rest. */
async function checkAll(directory: string): Promise<string[]> {
  const problems: string[] = [];
  for (const file of readdirSync(directory)) {
    const name = queueName(file);
    if (name === undefined) continue;
    const report = await checkRotFile(join(directory, file));
    problems.push(...report.problems.slice(0, 3).map((problem) => `${name}: check: ${problem}`));
  }
  return problems;
}

/** Lengths in bytes of the messages of the pushes made once all was read: one, several, one that needs pages of its own. */
const LATER = [[20], [30, 40, 50], [12_000]];

/** Adds the messages of a read to runs; ids of messages that are altered to `altered`. */
function gather(runs: Run[], altered: number[], first: number, records: Uint8Array): void {
  let id = first;
  for (const message of messagesOf(records)) {
    const label = labelOf(message);
    const last = runs.at(-1);
    if (label === undefined) altered.push(id);
    else if (
      last?.life === label.life &&
      last.writer === label.writer &&
      last.sequence + last.count === label.sequence &&
      last.index + last.count === label.index &&
      last.first + last.count === id
    ) {
      runs[runs.length - 1] = { ...last, count: last.count + 1 };
    } else runs.push({ first: id, count: 1, ...label });
    id++;
  }
}

function look(queue: Queue, from: number) {
  const runs: Run[] = [];
  const altered: number[] = [];
  const gaps: Array<readonly [number, number]> = [];
  for (let id = from; id < queue.next; ) {
    const answer = queue.read({ from: id, limit: 100_000, maxBytes: 4 * 1024 * 1024 });
    if (answer.gap !== null) gaps.push([answer.gap.from, answer.gap.to]);
    for (const { first, records } of answer.slices) gather(runs, altered, first, records);
    id = answer.next;
  }
  return { runs, altered, gaps };
}

async function examine(queue: Queue, life: number): Promise<Found> {
  const { oldest, next, bytes, rotated, maxMessages, maxBytes, maxMessageBytes } = queue.stat();
  const found = look(queue, oldest);
  const acks: Ack[] = [];
  let sequence = 0;
  for (const lengths of LATER) {
    const fitting = lengths.filter((length) => length <= maxMessageBytes);
    const of = fitting.length;
    if (of === 0) continue;
    const label = { life, writer: 0, of };
    const start = sequence;
    const batch: Batch = batchOf(
      fitting.map((length, index) => messageOf({ ...label, index, sequence: start + index }, length)),
    );
    const { first } = await queue.push(batch);
    acks.push({ queue: queue.name, life, writer: 0, sequence, count: of, first });
    sequence += of;
  }
  const limits = { maxMessages, maxBytes, maxMessageBytes };
  const later = look(queue, next);
  return {
    queue: queue.name,
    oldest,
    next,
    bytes,
    limits,
    rotated,
    ...found,
    altered: [...found.altered, ...later.altered],
    gaps: [...found.gaps, ...later.gaps],
    later: { acks, runs: later.runs },
  };
}

const { directories, queues: wanted, life } = job<Examination>();
for (const directory of directories) {
  const problems = await checkAll(directory);
  const queues = await Queues.open(directory, { now: Date.now });
  const unreadable = queues.unreadable.map(({ queue, reason }) => `${queue}: ${reason.code}: ${reason.message}`);
  const names = queues.all.map(({ name }) => name);
  const known = new Set([...names, ...queues.unreadable.map(({ queue }) => queue)]);
  for (const name of wanted) if (!known.has(name)) await queues.create(name, { reserve: false });
  const found: Found[] = [];
  for (const queue of queues.all) found.push(await examine(queue, life));
  await queues.close();
  problems.push(...(await checkAll(directory)), ...leftovers(directory));
  say({ is: 'examined', directory, names, unreadable, found, problems });
}
