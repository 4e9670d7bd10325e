/**
 * Random operations on a queue, compared with a plain array: far more of them than the tests try.
 */
import { type ChildOptions, complaintAbout, run } from './child.js';
import type { Modelling } from './children/modeler.js';
import { replaced } from './controls/replace.js';
import type { Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';

/** Sequences tried by one process, and the longest that they may take; ms. */
const RUNS = 250;
const DEADLINE_MS = 300_000;
/** Processes at the same time. */
const WORKERS = 2;

/** What is wrong with some sequences. */
interface Wrong {
  /** How the queue and its model differ, if they do. */
  readonly differs: string | undefined;
  /** How the process failed, if it did. */
  readonly failed: string | undefined;
}

/** Tries so many sequences. */
async function compare(job: Modelling, options: Omit<ChildOptions, 'deadlineMs'>): Promise<Wrong> {
  let differs: string | undefined;
  let ran: number | undefined;
  const ended = await run('modeler', job, {
    ...options,
    deadlineMs: DEADLINE_MS,
    hear: (said) => {
      const { is, ...words } = said as { readonly is: string; readonly how?: string; readonly runs?: number };
      if (is === 'differs') differs = words.how;
      if (is === 'ran') ran = words.runs;
    },
  });
  const isSilent = differs === undefined && ran !== job.runs;
  return { differs, failed: complaintAbout(ended) ?? (isSilent ? 'it ended before it had tried them all' : undefined) };
}

async function prove(trial: Trial): Promise<Outcome> {
  const random = new Random(trial.seed);
  const env = { TMPDIR: trial.memory };
  const violations: string[] = [];
  let begun = 0;
  let rounds = 0;
  const work = async (): Promise<void> => {
    while (begun < trial.rounds && violations.length === 0 && performance.now() < trial.endMs) {
      const job = { seed: random.below(2 ** 31), runs: Math.min(RUNS, trial.rounds - begun) };
      begun += job.runs;
      const { differs, failed } = await compare(job, { env });
      const how = differs ?? failed;
      if (how !== undefined) violations.push(`${job.runs} sequences of seed ${job.seed}: ${how}`);
      rounds += job.runs;
      trial.progress(rounds, trial.rounds);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  const broken = replaced([{ module: '/src/queue/retention.js', by: './retention.js' }]);
  // That the process failed in any other way shows nothing: only what the model says counts.
  const { differs } = await compare({ seed: 1, runs: RUNS }, { ...broken, env: { ...broken.env, ...env } });
  const controls = [{ name: 'a queue that keeps one message too many', caught: differs?.split('\n')[0] }];
  return { rounds, facts: [], violations, controls };
}

export const model: Proof = {
  about: 'random operations on a queue, compared with a plain array',
  round: 'sequences',
  rounds: 50_000,
  run: prove,
};
