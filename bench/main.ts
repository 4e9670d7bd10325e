/**
 * `npm run bench -- [--quick] [--only CASE] [--dir DIRECTORY] [--out DIRECTORY]`: compares the built server with what else
 * is installed, and writes `result.json`, `result.md` and a picture of each case.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keptCurve, queueCurve, rotationCurve, sizeCurve } from './cases/growth.js';
import { delivery, pushLatency } from './cases/latency.js';
import { memory } from './cases/memory.js';
import { batches, frames, singles } from './cases/pushes.js';
import { ranges } from './cases/ranges.js';
import { tailCurve, tails } from './cases/tails.js';
import { describeMachine } from './machine.js';
import type { CaseResult } from './measure.js';
import { fixed, logLines, type Payload } from './payloads.js';
import { pictureName, type Run, renderMarkdown } from './report/markdown.js';
import { renderPicture } from './report/picture.js';
import { openStage, type Stage } from './stage.js';

const USAGE = `npm run bench -- [--quick] [--only CASE] [--dir DIRECTORY] [--out DIRECTORY]

  --quick           3 short rounds instead of 5, 100-byte messages only, shorter curves: under 5 minutes
  --only CASE       only this case; may be given again
  --dir DIRECTORY   where all servers keep their files while they are measured: a real disk (default: here)
  --out DIRECTORY   where result.json, result.md and the pictures go (default: bench-result)
  --profile DIR     writes a profile of our server's processor time there (--cpu-prof of node)
  --render FILE     measures nothing: writes the report of this result.json anew
`;

const TAILS = 1000;

type Case = (stage: Stage, payload: Payload) => Promise<CaseResult | CaseResult[]>;

/** Those run with every payload, and those run once. */
const COMPARED: Readonly<Record<string, Case>> = { batches, singles, frames, ranges };
const ONCE: Readonly<Record<string, Case>> = {
  latency: pushLatency,
  delivery,
  tails: (stage, payload) => tails(stage, payload, TAILS),
  memory,
  kept: keptCurve,
  rotations: rotationCurve,
  queues: queueCurve,
  'tail-curve': tailCurve,
  size: sizeCurve,
};

/** @param keep called after each case, with all so far: what took so long is not lost to the last of them */
async function run(
  stage: Stage,
  only: ReadonlySet<string>,
  keep: (cases: readonly CaseResult[]) => void,
): Promise<CaseResult[]> {
  const hundred = fixed(100);
  const more = stage.quick ? [] : [fixed(1024), logLines()];
  const results: CaseResult[] = [];
  const all = { ...COMPARED, ...ONCE };
  for (const [name, measured] of Object.entries(all)) {
    if (only.size > 0 && !only.has(name)) continue;
    for (const payload of [hundred, ...(name in COMPARED ? more : [])]) {
      if (payload === undefined) continue;
      process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${name}, ${payload.name}\n`);
      results.push(...[await measured(stage, payload)].flat());
      keep(results);
    }
  }
  return results;
}

function write(run: Run, out: string): void {
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'result.json'), `${JSON.stringify(run, null, 1)}\n`);
  writeFileSync(join(out, 'result.md'), `${renderMarkdown(run, '.')}\n`);
  for (const one of run.cases) writeFileSync(join(out, pictureName(one)), renderPicture(one));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: [] },
      dir: { type: 'string', default: '.' },
      out: { type: 'string', default: 'bench-result' },
      profile: { type: 'string' },
      render: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const { quick, only, dir, out, profile, render, help } = values;
  if (help) return void process.stdout.write(USAGE);
  if (render !== undefined) return write(JSON.parse(readFileSync(render, 'utf8')) as Run, out);
  const unknown = only.find((name) => !(name in COMPARED) && !(name in ONCE));
  if (unknown !== undefined)
    throw new Error(`No case ${unknown}: ${Object.keys({ ...COMPARED, ...ONCE }).join(', ')}.`);
  const at = new Date().toISOString();
  const machine = describeMachine(dir);
  const pace = quick ? { rounds: 3, ms: 700 } : { rounds: 5, ms: 1000 };
  const stage = await openStage({ parent: dir, pace, quick, ...(profile === undefined ? {} : { profile }) });
  for (const text of stage.absent) process.stderr.write(`${text}\n`);
  const stop = (): void => void stage.close().finally(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  // A connection that was refused tells of it from a callback: nobody waits for it.
  process.once('uncaughtException', (error) => {
    process.stderr.write(`${error.stack}\n`);
    stop();
  });
  try {
    const command = ['npm run bench --', ...process.argv.slice(2)].join(' ');
    const runOf = (cases: readonly CaseResult[]): Run => ({ at, command, machine, absent: stage.absent, cases });
    const cases = await run(stage, new Set(only), (some) => write(runOf(some), out));
    process.stdout.write(`${renderMarkdown(runOf(cases), out)}\n`);
  } finally {
    await stage.close();
  }
}

await main();
