/**
 * Thousands of damaged files (damaged.ts), by several processes.
 */
import { type ChildOptions, complaintAbout, run } from './child.js';
import type { Damage, Damaging } from './children/damager.js';
import { PROBE, type Replacement, replaced } from './controls/replace.js';
import { FAULTS, type Fault, noFaults, noWays, WAYS, type Way } from './fates.js';
import type { Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';

/** Files tried by one process, and the longest that they may take; ms. */
const FILES = 200;
const DEADLINE_MS = 600_000;
/** Processes at the same time. */
const WORKERS = 2;
const CONTROL_FILES = 100;

interface Counts {
  files: number;
  readonly faults: Record<Fault, number>;
  readonly ways: Record<Way, number>;
}

const noCounts = (): Counts => ({ files: 0, faults: noFaults(), ways: noWays() });

/** Of many files each of these must be at least such a share: a server that refuses all of them is not what is promised. */
const LEAST_SHARE = 0.1;
const MANY = 1000;

function add<K extends string>(counts: Record<K, number>, more: Readonly<Record<K, number>>): void {
  for (const key of Object.keys(counts) as K[]) counts[key] += more[key];
}

/** Tries some files. @returns what went wrong */
async function damage(job: Damaging, options: Omit<ChildOptions, 'deadlineMs'>, counts: Counts): Promise<string[]> {
  const wrong: string[] = [];
  const ended = await run('damager', job, {
    ...options,
    deadlineMs: DEADLINE_MS,
    hear: (said) => {
      const heard = said as Damage;
      if (heard.is === 'wrong') {
        const { what, faults, fate } = heard.file;
        wrong.push(`${what}: ${faults.map((fault) => FAULTS[fault]).join(', ')}: ${JSON.stringify(fate)}`);
        return;
      }
      counts.files += heard.result.files;
      add(counts.faults, heard.result.faults);
      add(counts.ways, heard.result.ways);
    },
  });
  const complaint = complaintAbout(ended);
  return complaint === undefined ? wrong : [...wrong, complaint];
}

function* oneSided(counts: Counts): Generator<string> {
  if (counts.files < MANY) return;
  for (const [way, count] of Object.entries(counts.ways))
    if (count < counts.files * LEAST_SHARE) yield `only ${count} of ${counts.files} files were ${way}`;
}

interface Control {
  readonly name: string;
  readonly by: Replacement;
  readonly options?: Readonly<Record<string, unknown>>;
  /** What must be found of it. */
  readonly fault: Fault;
  /** What must stand in what came of the file. */
  readonly fate?: string;
}

/** An engine that does what must not be, each in its way. */
const CONTROLS: readonly Control[] = [
  { name: 'files that are not looked at before lmdb gets them', by: PROBE, fault: 'crashes', fate: '"killed":"SIG' },
  {
    name: 'blocks of which no checksum is looked at',
    by: { module: '/src/queue/block.js', by: './checksums.js' },
    fault: 'undetectedPayloadDamage',
  },
  {
    name: 'damage that is told up to the end of the queue',
    by: { module: '/src/queue/block-store.js', by: './block-store.js' },
    fault: 'overclaimed',
  },
  {
    name: 'damage that is not told',
    by: { module: '/src/queue/read.js', by: './gaps.js' },
    options: { silent: true },
    fault: 'silentLosses',
  },
  {
    name: 'damage that is told of the sound queue too',
    by: { module: '/src/queue/read.js', by: './gaps.js' },
    fault: 'othersHarmed',
  },
  {
    name: 'files that are refused for damage of a value',
    by: { module: '/src/queue/probe.js', by: './strict-probe.js' },
    fault: 'refusedData',
  },
];

/** What is found of an engine with a fault. */
async function tryControl({ name, by, options, fault, fate = '' }: Control, seed: number, env: ChildOptions['env']) {
  const other = replaced([by], options);
  const wrong = await damage({ files: CONTROL_FILES, seed }, { ...other, env: { ...other.env, ...env } }, noCounts());
  return { name, caught: wrong.find((text) => text.includes(FAULTS[fault]) && text.includes(fate)) };
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
  const controls = [];
  for (const control of CONTROLS) controls.push(await tryControl(control, trial.seed % 2 ** 31, env));
  const refusesAll = { ...noCounts(), files: MANY, ways: { ...noWays(), refused: MANY } };
  const told = (names: Readonly<Record<string, string>>, of: Readonly<Record<string, number>>) =>
    Object.entries(names).map(([key, name]): [string, number] => [name, of[key] ?? 0]);
  return {
    rounds: counts.files,
    facts: [...told(WAYS, counts.ways), ...told(FAULTS, counts.faults)],
    violations: [...violations, ...oneSided(counts)],
    controls: [...controls, { name: 'a server that refuses all', caught: [...oneSided(refusesAll)][0] }],
  };
}

export const damagedFiles: Proof = {
  about: 'damaged files, opened beside a sound queue',
  round: 'files',
  rounds: 2000,
  run: prove,
};
