/**
 * Checks directories of queues one after the other, opens them, reads all that they hold, pushes some more and reads that,
 * checks them again, and says what it found.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Batch, batchOf } from '../../../src/batch.js';
import { isRoteraError } from '../../../src/errors.js';
import { checkRotFile } from '../../../src/queue/check.js';
import type { Queue } from '../../../src/queue/queue.js';
import { queueName } from '../../../src/queue/queue-name.js';
import { Queues } from '../../../src/queue/queues.js';
import type { Repeated } from '../claims.js';
import type { Ack, Found } from '../judge.js';
import { messageOf, SHORTEST } from '../messages.js';
import { type Claim, producerOf } from '../plan.js';
import { foundIn, look } from './found.js';
import { job, say } from './say.js';

/** Work for the examiner. */
export interface Examination {
  readonly directories: readonly string[];
  /** Queues made when they are not there, so that each directory shows that pushing works. */
  readonly queues: readonly string[];
  /** A file with the pushes of named producers to repeat, as JSON: for each directory an array of {@link Claim}. */
  readonly claims?: string;
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

/** Pushes once more what a named producer pushed; of other lengths, since those do not count. */
async function repeat(queue: Queue, claim: Claim): Promise<Repeated> {
  const { life, writer, sequence, count: of } = claim;
  const labels = Array.from({ length: of }, (_, index) => ({ life, writer, sequence: sequence + index, index, of }));
  const batch = batchOf(labels.map((label) => messageOf(label, SHORTEST)));
  try {
    const producer = { id: producerOf(claim), epoch: 0, seq: claim.seq };
    const { duplicate, first } = await queue.push(batch, { producer });
    return { claim, duplicate, first };
  } catch (error) {
    if (!isRoteraError(error)) throw error;
    return { claim, refused: error.code };
  }
}

async function examine(queue: Queue, life: number, claims: readonly Claim[]): Promise<Found> {
  const found = foundIn(queue);
  const { next, limits } = found;
  const cursors = Object.fromEntries(Object.entries(queue.cursors(false)).map(([name, one]) => [name, one.position]));
  const acks: Ack[] = [];
  const repeated: Repeated[] = [];
  for (const claim of claims) {
    const answer = await repeat(queue, claim);
    repeated.push(answer);
    if (answer.duplicate === false) acks.push({ ...claim, first: answer.first ?? 0 });
  }
  let sequence = 0;
  for (const lengths of LATER) {
    const fitting = lengths.filter((length) => length <= limits.maxMessageBytes);
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
  const later = look(queue, next);
  return {
    ...found,
    cursors,
    repeated,
    altered: [...found.altered, ...later.altered],
    gaps: [...found.gaps, ...later.gaps],
    later: { acks, runs: later.runs },
  };
}

const { directories, queues: wanted, life, claims: file } = job<Examination>();
const claims = file === undefined ? [] : (JSON.parse(readFileSync(file, 'utf8')) as Claim[][]);
for (const [i, directory] of directories.entries()) {
  const problems = await checkAll(directory);
  const queues = await Queues.open(directory, { now: Date.now });
  const unreadable = queues.unreadable.map(({ queue, reason }) => `${queue}: ${reason.code}: ${reason.message}`);
  const names = queues.all.map(({ name }) => name);
  const known = new Set([...names, ...queues.unreadable.map(({ queue }) => queue)]);
  for (const name of wanted) if (!known.has(name)) await queues.create(name, { reserve: false });
  const found: Found[] = [];
  for (const queue of queues.all) {
    const its = (claims[i] ?? []).filter((claim) => claim.queue === queue.name);
    found.push(await examine(queue, life, its));
  }
  await queues.close();
  problems.push(...(await checkAll(directory)), ...leftovers(directory));
  say({ is: 'examined', directory, names, unreadable, found, problems });
}
