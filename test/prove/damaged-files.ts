/**
 * Thousands of damaged files (damaged.ts), by several processes.
 */
import { type ChildOptions, complaintAbout, run } from './child.js';
import type { Damage, Damaging } from './children/damager.js';
import { PROBE, replaced } from './controls/replace.js';
import type { DamagedResult } from './damaged.js';
import type { Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';

/** Files tried by one process, and the longest that they may take; ms. */
const FILES = 200;
const DEADLINE_MS = 600_000;
/** Processes at the same time. */
const WORKERS = 2;
const CONTROL_FILES = 100;

type Counts = Record<keyof DamagedResult, number>;

/** Tries some files. @returns what went wrong */
async function damage(job: Damaging, options: Omit<ChildOptions, 'deadlineMs'>, counts: Counts): Promise<string[]> {
  const wrong: string[] = [];
  const ended = await run('damager', job, {
    ...options,
    deadlineMs: DEADLINE_MS,
    hear: (said) => {
      const heard = said as Damage;
      if (heard.is === 'wrong') wrong.push(`${heard.what}: ${JSON.stringify(heard.fate)}`);
      else for (const key of Object.keys(counts) as Array<keyof Counts>) counts[key] += heard.result[key];
    },
  });
  const complaint = complaintAbout(ended);
  return complaint === undefined ? wrong : [...wrong, complaint];
}

const noCounts = (): Counts => ({
  files: 0,
  seed: 0,
  crashes: 0,
  hangs: 0,
  undetectedPayloadDamage: 0,
  silentLosses: 0,
  othersHarmed: 0,
  refused: 0,
  gaps: 0,
  unharmed: 0,
  readOnly: 0,
});

async function prove(trial: Trial): Promise<Outcome> {
  const random = new Random(trial.seed);
  const env = { TMPDIR: trial.memory };
  const counts = noCounts();
  const violations: string[] = [];
  let begun = 0;
  const work = async (): Promise<void> => {
    while (begun < trial.rounds && performance.now() < trial.endMs) {
      const job = { files: Math.min(FILES, trial.rounds - begun), seed: random.below(2 ** 31) };
      begun += job.files;
      violations.push(...(await damage(job, { env }, counts)));
      trial.progress(counts.files, trial.rounds, `${violations.length} violations`);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  const blind = replaced([PROBE]);
  const job = { files: CONTROL_FILES, seed: trial.seed % 2 ** 31 };
  const [caught] = await damage(job, { ...blind, env: { ...blind.env, ...env } }, noCounts());
  return {
    rounds: counts.files,
    facts: [
      ['refused with a reason', counts.refused],
      ['opened, with a gap that says damaged', counts.gaps],
      ['opened, and nothing was lost', counts.unharmed],
      ['opened, but then took no pushes', counts.readOnly],
      ['the process ended', counts.crashes],
      ['the process hung', counts.hangs],
      ['messages answered that were never pushed', counts.undetectedPayloadDamage],
      ['messages lost without a word', counts.silentLosses],
      ['the sound queue beside it harmed', counts.othersHarmed],
    ],
    violations,
    controls: [{ name: 'files that are not looked at before lmdb gets them', caught }],
  };
}

export const damagedFiles: Proof = {
  about: 'damaged files, opened beside a sound queue',
  round: 'files',
  rounds: 2000,
  run: prove,
};
