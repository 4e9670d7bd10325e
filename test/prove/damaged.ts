/**
 * Many damaged files, each opened beside a sound queue by a process like a server in small, which reads all of it and writes
 * to it (test/support/victim.ts). No file may end that process, hang it, or make it answer bytes that were never pushed.
 *
 * node test/prove/damaged.js --files 2000 --seed 1
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import {
  type Damaged,
  foreign,
  harmAnything,
  harmData,
  harmLength,
  harmStructure,
  newerFormat,
  type Random,
  random,
} from '../support/damage.js';
import { reaches } from '../support/reach.js';
import { type Fate, Victims } from '../support/victims.js';
import { fillQueue } from '../support/workload.js';
import { type Fault, faultsOf, type Kept, noFaults, noWays, type Way, wayOf } from './fates.js';

export interface DamagedOptions {
  readonly files: number;
  readonly seed: number;
  /** Told of every file that went wrong. */
  readonly report?: (wrong: WrongFile) => void;
}

/** A file that went wrong. */
export interface WrongFile {
  /** Which file, and what was done to it. */
  readonly what: string;
  readonly faults: readonly Fault[];
  readonly fate: Fate;
}

export interface DamagedResult {
  readonly files: number;
  readonly seed: number;
  /** In how many files each thing was found that must not be. */
  readonly faults: Readonly<Record<Fault, number>>;
  /** How many of the others went each way that a file may go. */
  readonly ways: Readonly<Record<Way, number>>;
}

/** The kinds of damage, and how many of a hundred files have it. */
const KINDS: ReadonlyArray<readonly [share: number, damage: (sound: Buffer, next: Random) => Damaged]> = [
  [15, harmLength],
  [40, harmStructure],
  [25, harmData],
  [15, harmAnything],
  [3, (_, next) => foreign(next)],
  [2, newerFormat],
];

/** Queues to damage: many small blocks of which some stand in leaves, and few large ones. */
const WORKLOADS = [
  { limits: { maxBytes: 256 * 1024, reserve: false }, pushes: 600, most: 40, seed: 1 },
  { limits: { maxBytes: 3 * 1024 * 1024, reserve: false }, pushes: 60, most: 12_000, seed: 2 },
  { limits: { maxBytes: 64 * 1024, reserve: true }, pushes: 20, most: 10, seed: 3 },
];

const PUSHES = 30;

interface Sound extends Kept {
  readonly bytes: Buffer;
  readonly reach: ReturnType<typeof reaches>;
}

function damageOf(sound: Sound, next: Random): Damaged {
  let left = next(100);
  for (const [share, damage] of KINDS) {
    left -= share;
    if (left < 0) return damage(sound.bytes, next);
  }
  return harmAnything(sound.bytes, next);
}

/** Damages, tries and counts. Files are made in a directory of their own, which is removed. */
export async function damaged({ files, seed, report }: DamagedOptions): Promise<DamagedResult> {
  const directory = mkdtempSync(join(tmpdir(), 'rotera-damaged-'));
  const faults = noFaults();
  const ways = noWays();
  const sounds: Sound[] = [];
  for (const [index, workload] of WORKLOADS.entries()) {
    const kept = await fillQueue(directory, `sound${index}`, workload);
    const bytes = readFileSync(join(directory, `sound${index}.rot`));
    sounds.push({ ...kept, bytes, reach: reaches(bytes, kept.next) });
  }
  mkdirSync(join(directory, 'server'));
  const good = join(directory, `sound${WORKLOADS.length - 1}.rot`);
  const victims = Victims.create(join(directory, 'server'), { good, pushes: PUSHES });
  const next = random(seed);
  try {
    for (let file = 0; file < files; file++) {
      const sound = sounds[next(sounds.length)] as Sound;
      const { what, bytes, page } = damageOf(sound, next);
      const fate = await victims.try(bytes);
      const found = faultsOf(fate, sound, sound.reach(page));
      for (const fault of found) faults[fault]++;
      if (found.length === 0 && !('killed' in fate)) ways[wayOf(fate)]++;
      if (found.length > 0) report?.({ what: `file ${file} of seed ${seed}: ${what}`, faults: found, fate });
    }
  } finally {
    await victims.close();
    rmSync(directory, { recursive: true, force: true });
  }
  return { files, seed, faults, ways };
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const { values } = parseArgs({ options: { files: { type: 'string' }, seed: { type: 'string' } } });
  const options = { files: Number(values.files ?? 2000), seed: Number(values.seed ?? 1) };
  const result = await damaged({ ...options, report: (wrong) => console.log(JSON.stringify(wrong)) });
  console.log(JSON.stringify(result, null, 2));
  const all = Object.values(result.faults).reduce((sum, count) => sum + count);
  process.exitCode = all === 0 ? 0 : 1;
}
