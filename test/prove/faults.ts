/**
 * One fault at one call of a run: what comes of it must be what may come of that fault (allowed.ts), every answer must come in
 * time, and nothing must ever have been acknowledged that a restart does not find.
 */
import { controls } from './faults/controls.js';
import { type Fault, type Kind, TRIED, unanswerable, unfit } from './faults/fault.js';
import { Faulter } from './faults/faulter.js';
import { QUEUES, WORKS } from './faults/work.js';
import type { Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { Shim } from './shim.js';

/** Runs until so many faults struck a call: one whose call is never reached is none. @returns what is wrong */
async function strike(faulter: Faulter, faults: readonly Fault[], trial: Trial): Promise<string[]> {
  const wrong: string[] = [];
  const { rounds, keep, endMs } = trial;
  const progress = (done: number): void => trial.progress(done, rounds);
  for (let at = 0, before = -1; faulter.struck < rounds && performance.now() < endMs; ) {
    // None struck any more: then none will.
    if (faulter.struck === before) break;
    before = faulter.struck;
    const next = Array.from({ length: rounds - before }, (_, i) => faults[(at + i) % faults.length] as Fault);
    at += next.length;
    wrong.push(...(await faulter.disturbAll(next, { keep, endMs, progress })));
  }
  return wrong;
}

async function prove(trial: Trial): Promise<Outcome> {
  const shim = Shim.compile(trial.directory);
  const faulter = new Faulter(trial, shim);
  const all = await faulter.faults(new Random(trial.seed).fork(1));
  trial.print(`${all.length} faults are possible at the calls of ${WORKS.length} kinds of run`);
  const violations = await strike(faulter, all, trial);
  const holding = unfit(faulter.calls, QUEUES * WORKS.length);
  if (holding > 0) violations.push(`${holding} writes and syncs on the thread that serves everybody`);
  const kinds = (Object.keys(TRIED) as Kind[]).filter((kind) => TRIED[kind].hang !== undefined);
  return {
    rounds: faulter.struck,
    facts: [
      ['longest until an answer, ms', Math.ceil(faulter.slowestMs)],
      ...kinds.map((kind): [string, number] => [
        `${kind}: calls of the ${WORKS.length} kinds of run in which no hang can be answered`,
        unanswerable(faulter.calls, kind),
      ]),
      ...[...faulter.counts]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([what, { struck, missed }]): [string, string] => [
          what,
          missed === 0 ? `${struck}` : `${struck}, and ${missed} not reached`,
        ]),
      ...[...faulter.outcomes].sort(([a], [b]) => (a < b ? -1 : 1)),
    ],
    violations,
    controls: await controls(trial, shim),
  };
}

export const faults: Proof = {
  about: 'one fault at one call: an error, a short read or write, a delay, a hang, a kill',
  round: 'faults',
  rounds: 300,
  run: prove,
};
