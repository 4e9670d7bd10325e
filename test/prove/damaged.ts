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
import { type Fate, Victims } from '../support/victims.js';
import { fillQueue } from '../support/workload.js';

export interface DamagedOptions {
  readonly files: number;
  readonly seed: number;
  /** Told of every file that went wrong. */
  readonly report?: (what: string, fate: Fate) => void;
}

export interface DamagedResult {
  readonly files: number;
  readonly seed: number;
  /** Files that ended the process by a signal or an exit, and those that it did not get done with. */
  readonly crashes: number;
  readonly hangs: number;
  /** Files of which bytes were answered that were never pushed. */
  readonly undetectedPayloadDamage: number;
  /** Files that were opened with less in them than before, without a gap that says so. */
  readonly silentLosses: number;
  /** Files that were refused, or took no pushes, with an error that does not say why. */
  readonly unexplained: number;
  /** Files after which the sound queue did not go on. */
  readonly othersHarmed: number;
  /** Files refused with a reason, opened with a gap reported as damaged, opened as if nothing were, and those that then took no pushes. */
  readonly refused: number;
  readonly gaps: number;
  readonly unharmed: number;
  readonly readOnly: number;
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

/** Codes of a file that is not opened, and of pushes that one that is does not take; nothing when it takes them. */
const REFUSED = /^(not_a_rot_file|queue_unreadable)$/;
const TOOK_NO_MORE = /^$/;

interface Sound {
  readonly bytes: Buffer;
  readonly oldest: number;
  readonly next: number;
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
  const tally = { crashes: 0, hangs: 0, undetectedPayloadDamage: 0, silentLosses: 0, unexplained: 0, othersHarmed: 0 };
  const found = { refused: 0, gaps: 0, unharmed: 0, readOnly: 0 };
  const sounds: Sound[] = [];
  for (const [index, workload] of WORKLOADS.entries()) {
    const kept = await fillQueue(directory, `sound${index}`, workload);
    sounds.push({ ...kept, bytes: readFileSync(join(directory, `sound${index}.rot`)) });
  }
  mkdirSync(join(directory, 'server'));
  const good = join(directory, `sound${WORKLOADS.length - 1}.rot`);
  const victims = Victims.create(join(directory, 'server'), { good, pushes: PUSHES });
  const next = random(seed);
  try {
    for (let file = 0; file < files; file++) {
      const sound = sounds[next(sounds.length)] as Sound;
      const { what, bytes } = damageOf(sound, next);
      const fate = await victims.try(bytes);
      const wrong = judge(fate, sound, tally, found);
      if (wrong) report?.(`file ${file} of seed ${seed}: ${what}`, fate);
    }
  } finally {
    await victims.close();
    rmSync(directory, { recursive: true, force: true });
  }
  return { files, seed, ...tally, ...found };
}

type Counts<T> = { -readonly [K in keyof T]: number };

/** @returns whether something went wrong. */
function judge(
  fate: Fate,
  { oldest, next }: Sound,
  tally: Counts<
    Pick<
      DamagedResult,
      'crashes' | 'hangs' | 'undetectedPayloadDamage' | 'silentLosses' | 'unexplained' | 'othersHarmed'
    >
  >,
  found: Counts<Pick<DamagedResult, 'refused' | 'gaps' | 'unharmed' | 'readOnly'>>,
): boolean {
  if ('killed' in fate) {
    if (fate.killed === 'hang') tally.hangs++;
    else tally.crashes++;
    return true;
  }
  if (!fate.others) tally.othersHarmed++;
  if (fate.refused !== '') {
    const isExplained = REFUSED.test(fate.refused);
    found.refused++;
    if (!isExplained) tally.unexplained++;
    return !isExplained || !fate.others;
  }
  const isSame = fate.oldest === oldest && fate.next === next && fate.read + fate.damaged === next - oldest;
  const lost = !isSame || !fate.whole;
  const isExplained = TOOK_NO_MORE.test(fate.pushes);
  if (!isExplained) tally.unexplained++;
  if (lost) tally.silentLosses++;
  if (fate.wrong > 0) tally.undetectedPayloadDamage++;
  if (fate.damaged > 0) found.gaps++;
  else if (!lost) found.unharmed++;
  if (fate.pushes !== '') found.readOnly++;
  return lost || fate.wrong > 0 || !isExplained || !fate.others;
}

if (argv[1] !== undefined && import.meta.url === pathToFileURL(argv[1]).href) {
  const { values } = parseArgs({ options: { files: { type: 'string' }, seed: { type: 'string' } } });
  const options = { files: Number(values.files ?? 2000), seed: Number(values.seed ?? 1) };
  const result = await damaged({ ...options, report: (what, fate) => console.log(what, JSON.stringify(fate)) });
  console.log(JSON.stringify(result, null, 2));
  const { crashes, hangs, undetectedPayloadDamage, silentLosses, unexplained, othersHarmed } = result;
  const all = crashes + hangs + undetectedPayloadDamage + silentLosses + unexplained + othersHarmed;
  process.exitCode = all === 0 ? 0 : 1;
}
