/**
 * Engines that do wrong, each in a way that only one kind of fault brings out: were that not injected, or not judged, they would pass.
 */
import { replaced } from '../controls/replace.js';
import type { Control, Trial } from '../proof.js';
import { Random } from '../random.js';
import type { Shim } from '../shim.js';
import type { Fault } from './fault.js';
import { Faulter, type Subject } from './faulter.js';

/** Runs at a time, and of one control at most. */
const STEP = 6;
const ROUNDS = 48;

interface Wrong extends Subject {
  readonly name: string;
  /** The faults that bring it out. */
  readonly by: (fault: Fault) => boolean;
  /** How it is told. */
  readonly as: RegExp;
}

const WRONGS: readonly Wrong[] = [
  {
    name: 'acknowledged before it is written',
    acknowledgesEarly: true,
    by: ({ kind, act }) => kind === 'write' && act === 'EIO',
    as: /acknowledged id \d+ is lost/,
  },
  {
    name: 'acknowledged before its sync has failed, and nothing written behind that',
    acknowledgesEarly: true,
    by: ({ kind, act }) => kind === 'sync' && act === 'EIO',
    as: /acknowledged id \d+ is lost/,
  },
  {
    name: 'acknowledged though its sync has failed',
    isSilent: true,
    by: ({ kind, act }) => kind === 'sync' && act === 'EIO',
    as: /a failure of a commit was told to nobody/,
  },
  {
    name: 'acknowledged though its sync hangs',
    isSilent: true,
    by: ({ kind, act }) => kind === 'sync' && act === 'hang',
    as: /a hang of a commit was told to nobody/,
  },
  {
    name: 'made though a sync of it has failed',
    isSilent: true,
    by: ({ kind, act }) => kind === 'sync' && act === 'EIO',
    as: /a failure of a sync of the engine was told to nobody/,
  },
  {
    name: 'a queue that never finds room again',
    runs: replaced([{ module: '/src/queue/allocation.js', by: './allocation.js' }]),
    by: ({ kind, act, count, work }) => kind === 'extend' && act === 'ENOSPC' && count === 1 && !work.reserve,
    as: /disk_full was the answer to \d+ pushes/,
  },
  {
    name: 'created before it has its name',
    acknowledgesEarly: true,
    by: ({ kind, act }) => kind === 'name' && act === 'EIO',
    as: /the queue is gone/,
  },
  {
    name: 'temporary files that nobody takes away',
    examines: replaced([{ module: '/src/queue/leftovers.js', by: './leftovers.js' }]),
    by: ({ kind, act }) => kind === 'name' && act === 'EIO',
    as: /is left behind/,
  },
  {
    name: 'no deadline for the disk',
    runs: replaced([{ module: '/src/queue/deadline.js', by: './deadline.js' }]),
    hang: { hangMs: 4000, answerMs: 3500 },
    by: ({ kind, act }) => kind === 'sync' && act === 'hang',
    as: /an answer took \d+ ms/,
  },
  {
    name: 'a deadline of 50 ms for the disk',
    runs: replaced([{ module: '/src/queue/deadline.js', by: './deadline.js' }], { ms: 50 }),
    by: ({ kind, act }) => kind === 'sync' && act === '100 ms',
    as: /gave up with commit_timeout/,
  },
];

async function caught(trial: Trial, shim: Shim, { name, by, as, ...subject }: Wrong): Promise<Control> {
  const faulter = new Faulter(trial, shim, subject);
  const faults = (await faulter.faults(new Random(trial.seed).fork(2))).filter(by);
  for (let at = 0; at < Math.min(faults.length, ROUNDS); at += STEP) {
    const wrong = await faulter.disturbAll(faults.slice(at, at + STEP));
    const seen = wrong.filter((text) => as.test(text));
    const runs = Math.min(at + STEP, faults.length);
    if (seen.length > 0) return { name, caught: `${seen.length} violations in ${runs} runs, such as: ${seen[0]}` };
  }
  return { name, caught: undefined };
}

/** Shows that each kind of wrong is seen. */
export async function controls(trial: Trial, shim: Shim): Promise<Control[]> {
  const all: Control[] = [];
  for (const wrong of WRONGS) all.push(await caught(trial, shim, wrong));
  return all;
}
