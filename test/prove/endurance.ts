/**
 * The whole server for hours, under a mixed load that is steady and not heavy, started again every few minutes: nothing is
 * lost, and nothing grows.
 */
import { join } from 'node:path';
import { median } from '../../bench/measure.js';
import { Course } from './endurance/course.js';
import { compare } from './endurance/look.js';
import { Notes } from './endurance/notes.js';
import { LOADS, type Load, writerNumber } from './endurance/queues.js';
import { Endurance } from './endurance/run.js';
import { complaints, lives, quarters, type Sample, table, tampered } from './endurance/samples.js';
import { messageOf } from './messages.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';

/** How long a control runs; ms. */
const CONTROL_MS = 3000;
const COMPLAINT = 'freelist: overlapping duplicate';

/** The first messages of a queue, as they are pushed. */
function genuine(load: Load, count: number): Buffer[] {
  const writer = writerNumber(load, 0);
  return Array.from({ length: count }, (_, sequence) =>
    messageOf({ life: 0, writer, sequence, index: 0, of: 1 }, 100 + sequence),
  );
}

/** What a reader gets, made wrong in one way each. */
function misread(): Control[] {
  const load = LOADS[0] as Load;
  const right = genuine(load, 9);
  const flipped = right.map((message, i) => (i === 4 ? Buffer.from(message).fill(0, 50, 51) : message));
  const [third, fourth] = [right[3] as Buffer, right[4] as Buffer];
  const wrong: Record<string, readonly Buffer[]> = {
    'a message lost': right.filter((_, i) => i !== 4),
    'a message doubled': [...right.slice(0, 5), ...right.slice(4)],
    'two messages in the wrong order': [...right.slice(0, 3), fourth, third, ...right.slice(5)],
    'a message altered': flipped,
  };
  const found = (messages: readonly Buffer[]): string | undefined => {
    const notes = new Notes();
    new Course('a tail', load, notes).take(0, messages);
    return notes.wrong[0];
  };
  if (found(right) !== undefined) return [{ name: 'messages as they were pushed', caught: undefined }];
  return Object.entries(wrong).map(([name, messages]) => ({ name, caught: found(messages) }));
}

/** A queue that ends before what was acknowledged. */
function lost(): Control {
  const notes = new Notes();
  const kept = { oldest: 5, next: 9, count: 4, bytes: 100, maxMessages: 4, maxBytes: 1000 };
  const stat = { ...kept, queue: 'q', rotated: { messages: 5 } } as Parameters<typeof compare>[0];
  compare(stat, { acknowledged: 9, gone: 5 }, notes);
  const isQuiet = notes.wrong.length === 0;
  compare(stat, { acknowledged: 10, gone: 5 }, notes);
  return { name: 'an acknowledged message that is not there', caught: isQuiet ? notes.wrong[0] : undefined };
}

/** A server that writes to standard error, as lmdb does when something is wrong with its pages. */
async function noisy(trial: Trial): Promise<Control> {
  const script = `process.stderr.write(${JSON.stringify(`${COMPLAINT}\n`)})`;
  const imports = [`data:text/javascript,${encodeURIComponent(script)}`];
  const endMs = performance.now() + CONTROL_MS;
  const short = { ...trial, endMs, rounds: 1, print: () => undefined, progress: () => undefined };
  const run = new Endurance(short, join(trial.directory, 'noisy'), imports);
  try {
    await (await run.open()).last();
    await run.end();
    return { name: 'a line on standard error', caught: run.notes.wrong.find((text) => text.includes(COMPLAINT)) };
  } finally {
    run.close();
  }
}

/** Group commits that the server counted: what it was killed with is not among them. */
const commitsOf = (samples: readonly Sample[]): number =>
  lives(samples).reduce((sum, life) => sum + (life.at(-1)?.counted ?? 0), 0);

function factsOf({ notes, samples, looks, frozen, restarts }: Endurance): Outcome['facts'] {
  const ends = (name: string, of: (sample: Sample) => number, digits = 0): readonly [string, string] => {
    const [first, last] = quarters(samples, of).map((value) => value.toFixed(digits));
    return [`${name}, first and last quarter`, `${first} and ${last}`];
  };
  const mib = 1024 * 1024;
  return [
    ['group commits that the server counted', commitsOf(samples)],
    ...[...notes.counts].sort(([a], [b]) => (a < b ? -1 : 1)),
    ['restarts of the server, half of them kill -9', restarts],
    ['looks at it', samples.length],
    ['looks dropped, as this process stood still', looks - samples.length],
    ['middle of all event loop delays (p99), ms', median(samples.map(({ delayP99 }) => delayP99)).toFixed(1)],
    ends('own memory, MiB', ({ memory }) => memory / mib, 1),
    ends('resident memory, MiB', ({ resident }) => resident / mib, 1),
    ends('file handles', ({ handles }) => handles),
    ends('threads', ({ threads }) => threads),
    ends('event loop delay (p99), ms', ({ delayP99 }) => delayP99, 1),
    ...(frozen.times === 0
      ? []
      : [
          [
            'times that this process was suspended, seconds',
            `${frozen.times}, ${(frozen.totalMs / 1000).toFixed()}`,
          ] as const,
        ]),
  ];
}

async function prove(trial: Trial): Promise<Outcome> {
  const run = new Endurance(trial, join(trial.directory, 'rots'));
  try {
    await run.open();
    await run.last();
    await run.end();
    const { notes, samples, restarts } = run;
    return {
      rounds: restarts,
      facts: factsOf(run),
      table: table(samples),
      violations: [...notes.wrong, ...complaints(run)],
      controls: [...tampered(samples), ...misread(), lost(), await noisy(trial)],
    };
  } finally {
    run.close();
  }
}

export const endurance: Proof = {
  about: 'the whole server for hours, pushed to, read and started again: nothing is lost, and nothing grows',
  round: 'restarts of the server',
  rounds: 10,
  lasting: true,
  run: prove,
};
