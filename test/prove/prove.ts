/**
 * The command `npm run prove -- NAME`: runs one proof, prints what came of it, ends with 0 only when nothing was violated and
 * every control was caught.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { benchEngine } from './bench-engine.js';
import { killAll } from './child.js';
import { crash } from './crash.js';
import { faults } from './faults.js';
import { model } from './model.js';
import { powerCut } from './power-cut.js';
import type { Outcome, Proof } from './proof.js';
import { anySeed } from './random.js';
import { slowDisk } from './slow-disk.js';
import { soak } from './soak.js';

const proofs: Readonly<Record<string, Proof>> = {
  crash,
  'power-cut': powerCut,
  faults,
  soak,
  'slow-disk': slowDisk,
  model,
  'bench-engine': benchEngine,
};

/** Where Linux keeps files in memory. */
const MEMORY = '/dev/shm';
/** How long a proof goes on when nothing else is said, and how many rounds fit into any time. */
const MINUTES = 60;
const MANY = 1_000_000;
/** Kinds of violations printed; the rest is counted. */
const SHOWN = 20;

const HELP = `Usage: npm run prove -- NAME [--seed N] [--rounds N] [--minutes N] [--keep DIRECTORY]

${Object.entries(proofs)
  .map(([name, { about, round, rounds }]) => `  ${name.padEnd(12)}  ${about} (${rounds} ${round})`)
  .join('\n')}

  --seed N      the choices of an earlier run again (default: others each time)
  --rounds N    how often to try (also: --runs N)
  --minutes N   begin nothing new after so many minutes (default ${MINUTES}); soak: and go on for as long
  --keep DIR    power-cut, faults: keep the files of violations there, as they were before they were opened

Prints what was tried and what happened. Ends with 0 only when nothing was violated and each control, a deliberate fault,
was caught; with 1 when not, or when the default time was up before all rounds were done; with 2 when the words are wrong.

Examples:
  npm run prove -- crash --rounds 300
  npm run prove -- crash --rounds 1 --seed 1234
`;

/** Rows under each other: the first column to the left, the others to the right. */
function columns(rows: ReadonlyArray<ReadonlyArray<string | number>>): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => String(row[i] ?? '').length)));
  const cell = (value: string | number, i: number): string =>
    i === 0 ? String(value).padEnd(widths[0] ?? 0) : String(value).padStart(widths[i] ?? 0);
  return rows.map((row) => `${row.map(cell).join('  ').trimEnd()}\n`).join('');
}

interface Words {
  readonly name: string;
  readonly proof: Proof;
  readonly seed: number;
  readonly rounds: number;
  readonly minutes: number;
  readonly keep: string | undefined;
  /** Whether the time was given: then fewer rounds are as asked for. */
  readonly bounded: boolean;
}

function wholeNumber(text: string | undefined, absent: number): number {
  if (text === undefined) return absent;
  if (!/^\d{1,10}$/.test(text)) throw new Error(`${text} is no whole number`);
  return Number(text);
}

function parse(args: string[]): Words | undefined {
  const option = { type: 'string' } as const;
  const options = {
    seed: option,
    rounds: option,
    runs: option,
    minutes: option,
    keep: option,
    help: { type: 'boolean' },
  } as const;
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [name = ''] = positionals;
  const proof = proofs[name];
  if (values.help === true || name === '') return undefined;
  if (proof === undefined || positionals.length > 1) throw new Error(`There is no proof ${positionals.join(' ')}`);
  const many = proof.lasting === true && values.minutes !== undefined ? MANY : proof.rounds;
  const rounds = wholeNumber(values.rounds ?? values.runs, many);
  const minutes = wholeNumber(values.minutes, MINUTES);
  return {
    name,
    proof,
    rounds,
    minutes,
    keep: values.keep,
    seed: wholeNumber(values.seed, anySeed()),
    bounded: values.minutes !== undefined,
  };
}

/** One of each kind of violation, with how many there are of it: they often differ in numbers only. */
function kindsOf(violations: readonly string[]): string[] {
  const kinds = new Map<string, { example: string; count: number }>();
  for (const example of violations) {
    const kind = example.replace(/\b[0-9a-f]{8,}\b|\d+/g, 'N');
    kinds.set(kind, { example: kinds.get(kind)?.example ?? example, count: (kinds.get(kind)?.count ?? 0) + 1 });
  }
  return [...kinds.values()].map(({ example, count }) => `${example}${count > 1 ? ` (and ${count - 1} like it)` : ''}`);
}

function report({ name, rounds, seed, bounded }: Words, outcome: Outcome, seconds: number): boolean {
  const { violations, controls } = outcome;
  const done = outcome.rounds < rounds ? `${outcome.rounds} of ${rounds} (time was up)` : String(outcome.rounds);
  const kinds = kindsOf(violations);
  for (const violation of kinds.slice(0, SHOWN)) console.log(`VIOLATION ${violation}`);
  if (kinds.length > SHOWN) console.log(`VIOLATION and ${kinds.length - SHOWN} other kinds`);
  console.log(columns([['rounds', done], ...outcome.facts, ['seconds', Math.round(seconds)]]));
  if (outcome.table !== undefined) console.log(columns(outcome.table));
  for (const { name, caught } of controls) console.log(`control ${name}: ${caught ?? 'NOT CAUGHT'}`);
  const good = violations.length === 0 && controls.every(({ caught }) => caught !== undefined);
  console.log(`${name} seed ${seed}: ${good ? 'no violation' : 'FAILED'}, ${violations.length} violations`);
  return good && (bounded || outcome.rounds === rounds);
}

async function prove(words: Words): Promise<boolean> {
  const { proof, name, seed, rounds, minutes, keep } = words;
  const directory = mkdtempSync(join(tmpdir(), `rotera-${name}-`));
  const memory = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), `rotera-${name}-`));
  const cleanUp = (): void => {
    killAll();
    for (const path of [directory, memory]) rmSync(path, { recursive: true, force: true });
  };
  const stop = (): void => {
    cleanUp();
    process.exit(130);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const bar = new SingleBar({
    format: `${name} {bar} {value}/{total} {text}`,
    hideCursor: true,
    stream: process.stderr,
  });
  const began = performance.now();
  console.log(`${name}: ${proof.about}\nseed ${seed}, ${rounds} ${proof.round}`);
  try {
    bar.start(rounds, 0, { text: '' });
    const outcome = await proof.run({
      seed,
      rounds,
      endMs: began + minutes * 60_000,
      directory,
      memory,
      keep,
      progress: (done, of, text = '') => {
        bar.setTotal(of);
        bar.update(done, { text });
      },
      print: (line) => console.log(line),
    });
    bar.stop();
    return report(words, outcome, (performance.now() - began) / 1000);
  } finally {
    bar.stop();
    cleanUp();
  }
}

async function main(args: string[]): Promise<number> {
  let words: Words | undefined;
  try {
    words = parse(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}. See npm run prove -- --help.\n`);
    return 2;
  }
  if (words !== undefined) return (await prove(words)) ? 0 : 1;
  process.stdout.write(HELP);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
