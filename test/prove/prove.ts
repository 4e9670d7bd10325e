/**
 * The command `npm run prove -- NAME`: runs one proof, prints what came of it, ends with 0 only when nothing was violated and
 * every control was caught.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { killAll } from './child.js';
import { report } from './report.js';
import { HELP, parseWords, type Words } from './words.js';

const LINE_MS = 60_000;
/** Where Linux keeps files in memory. */
const MEMORY = '/dev/shm';

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
    // Without a terminal, a line each so often: how far it is.
    noTTYOutput: true,
    notTTYSchedule: LINE_MS,
    stream: process.stderr,
  });
  const began = performance.now();
  const elapsed = (): number => Math.floor((performance.now() - began) / 60_000);
  // One that goes on for as long as it was told: then time is what it counts.
  const isTimed = proof.lasting === true && words.bounded;
  const [total, unit] = isTimed ? [minutes, 'minutes'] : [rounds, proof.round];
  console.log(`${name}: ${proof.about}\nseed ${seed}, ${total} ${unit}`);
  try {
    bar.start(total, 0, { text: '' });
    const outcome = await proof.run({
      seed,
      rounds,
      endMs: began + minutes * 60_000,
      directory,
      memory,
      keep,
      progress: (done, of, text = '') => {
        if (!isTimed) bar.setTotal(of);
        bar.update(isTimed ? Math.min(elapsed(), total) : done, { text });
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
    words = parseWords(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}. See npm run prove -- --help.\n`);
    return 2;
  }
  if (words === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    return (await prove(words)) ? 0 : 1;
  } catch (error) {
    // Such as a compiler that is missing, or a disk that is full.
    process.stderr.write(`${words.name} cannot be proven: ${error instanceof Error ? error.message : error}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
