/**
 * The words of the command, and its help.
 */
import { parseArgs } from 'node:util';
import { benchEngine } from './bench-engine.js';
import { consumers } from './consumers.js';
import { crash } from './crash.js';
import { damagedFiles } from './damaged-files.js';
import { endurance } from './endurance.js';
import { faults } from './faults.js';
import { fullDisk } from './full-disk.js';
import { fuzz } from './fuzz.js';
import { histories } from './histories.js';
import { imageCuts } from './image-cuts.js';
import { model } from './model.js';
import { neverReading } from './never-reading.js';
import { powerCut } from './power-cut.js';
import type { Proof } from './proof.js';
import { anySeed } from './random.js';
import { restarts } from './restarts.js';
import { scraped } from './scrape.js';
import { slowClients } from './slow-clients.js';
import { slowDisk } from './slow-disk.js';
import { soak } from './soak.js';
import { tails } from './tails.js';
import { time } from './time.js';
import { watched } from './watched.js';

const proofs: Readonly<Record<string, Proof>> = {
  crash,
  'power-cut': powerCut,
  faults,
  'image-cuts': imageCuts,
  'full-disk': fullDisk,
  histories,
  soak,
  endurance,
  'slow-clients': slowClients,
  fuzz,
  time,
  'slow-disk': slowDisk,
  damaged: damagedFiles,
  restarts,
  consumers,
  tails,
  'never-reading': neverReading,
  watched,
  scrape: scraped,
  model,
  'bench-engine': benchEngine,
};

/** How long a proof goes on when nothing else is said, and how many rounds fit into any time. */
const MINUTES = 60;
const MANY = 1_000_000;

export const HELP = `Usage: npm run prove -- NAME [--seed N] [--rounds N] [--minutes N] [--keep DIRECTORY]

${Object.entries(proofs)
  .map(([name, { about, round, rounds }]) => `  ${name.padEnd(12)}  ${about} (${rounds} ${round})`)
  .join('\n')}

  --seed N      the choices of an earlier run again (default: others each time)
  --rounds N    how often to try (also: --runs N)
  --minutes N   begin nothing new after so many minutes (default ${MINUTES}); soak, endurance: and go on for as long
  --keep DIR    power-cut, faults: keep the files of violations there, as they were before they were opened

Prints what was tried and what happened. Ends with 0 only when nothing was violated and each control, a deliberate fault,
was caught; with 1 when not, or when the default time was up before all rounds were done; with 2 when the words are wrong.

Examples:
  npm run prove -- crash --rounds 300
  npm run prove -- crash --rounds 1 --seed 1234
`;

/** What is asked for. */
export interface Words {
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

/** The words of a command line; undefined when they ask for help. @throws an Error that says what is wrong with them */
export function parseWords(args: string[]): Words | undefined {
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
  if (rounds === 0) throw new Error('0 rounds prove nothing');
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
