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

/** Of many files each of these must be at least such a share: a server that refuses all of them is not what is promised. */
const LEAST_SHARE = 0.1;
const MANY = 1000;

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
  unexplained: 0,
  othersHarmed: 0,
  refused: 0,
  gaps: 0,
  unharmed: 0,
  readOnly: 0,
});

function* oneSided(counts: Counts): Generator<string> {
  if (counts.files < MANY) return;
  for (const kind of ['refused', 'gaps', 'unharmed'] as const)
    if (counts[kind] < counts.files * LEAST_SHARE) yield `only ${counts[kind]} of ${counts.files} files were ${kind}`;
}

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
  const unseen = await damage(job, { ...blind, env: { ...blind.env, ...env } }, noCounts());
  const caught = unseen.find((text) => text.includes('"killed":"SIG'));
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
      ['refused without a reason', counts.unexplained],
      ['the sound queue beside it harmed', counts.othersHarmed],
    ],
    violations: [...violations, ...oneSided(counts)],
    controls: [
      { name: 'files that are not looked at before lmdb gets them', caught },
      { name: 'a server that refuses all', caught: [...oneSided({ ...noCounts(), files: MANY, refused: MANY })][0] },
    ],
  };
}

export const damagedFiles: Proof = {
  about: 'damaged files, opened beside a sound queue',
  round: 'files',
  rounds: 2000,
  run: prove,
};
