/**
 * Random operations on a queue, compared with a plain array, far more of them than the tests try.
 */
import { existsSync } from 'node:fs';
import type { Control, Outcome, Proof, Trial } from './proof.js';

/** What the test of the model offers: rejects with a counterexample. */
interface Model {
  readonly checkModel: (runs: number, seed?: number) => Promise<void>;
}

/** So many sequences between two looks at the clock. */
const RUNS = 500;

async function load(): Promise<Model> {
  const module = new URL('../queue/model.js', import.meta.url);
  if (!existsSync(module)) throw new Error('test/queue/model.ts, which this runs, is missing.');
  return (await import(module.href)) as Model;
}

async function prove(trial: Trial): Promise<Outcome> {
  const { checkModel } = await load();
  const violations: string[] = [];
  const controls: Control[] = [];
  let rounds = 0;
  while (rounds < trial.rounds && violations.length === 0 && performance.now() < trial.endMs) {
    const runs = Math.min(RUNS, trial.rounds - rounds);
    try {
      await checkModel(runs, (trial.seed + rounds) | 0);
    } catch (error) {
      violations.push(`runs from ${rounds} on: ${error instanceof Error ? error.message : error}`);
    }
    rounds += runs;
    trial.progress(rounds, trial.rounds);
  }
  return { rounds, facts: [], violations, controls };
}

export const model: Proof = {
  about: 'random operations on a queue, compared with a plain array',
  round: 'sequences',
  rounds: 50_000,
  run: prove,
};
