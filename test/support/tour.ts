/**
 * The examples of a page, run as they stand there: in a block marked ```sh NAME, a line is a command, and `#>` lines below it are
 * what it prints.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { ROTERA, serve } from './program.js';

export const hasCurl = spawnSync('curl', ['--version']).status === 0;
/** What curl ends with when its time is up, as it is meant to be in the examples. */
const TIME_IS_UP = 28;
/** The address that the pages name. */
export const ADDRESS = 'localhost:8245';

export interface Step {
  readonly command: string;
  /** What it prints, as the page shows it; empty when it shows nothing. */
  readonly expected: readonly string[];
}

export interface Taken extends Step {
  readonly output: string;
  readonly code: number;
}

/** The steps of all blocks of this name. */
export function stepsOf(markdown: string, name: string): Step[] {
  const steps: Array<{ command: string; expected: string[] }> = [];
  for (const [, block = ''] of markdown.matchAll(new RegExp(`^\`\`\`sh ${name}\\n([\\s\\S]*?)^\`\`\``, 'gm'))) {
    for (const line of block.split('\n')) {
      if (line.startsWith('#>')) steps.at(-1)?.expected.push(line.slice(3));
      else if (line !== '' && !line.startsWith('#')) steps.push({ command: line, expected: [] });
    }
  }
  return steps;
}

const SEPARATOR = '\u001e';

/** Runs the steps in one shell, as pasted line by line; standard error is shown with standard output, as on a terminal. */
export async function takeSteps(steps: readonly Step[], cwd: string, env: NodeJS.ProcessEnv): Promise<Taken[]> {
  const shell = spawn('sh', { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
  const mark = SEPARATOR.charCodeAt(0).toString(8).padStart(3, '0');
  const script = steps.map(({ command }) => `{ ${command}\n} 2>&1 </dev/null\nprintf '\\${mark}%s\\${mark}' $?\n`);
  shell.stdin.end(script.join(''));
  let text = '';
  shell.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk;
  });
  await once(shell, 'close');
  const parts = text.split(SEPARATOR);
  return steps.map((step, i) => ({
    ...step,
    output: parts[2 * i] ?? '',
    code: Number(parts[2 * i + 1] ?? Number.NaN),
  }));
}

const PLACES: Readonly<Record<string, string>> = {
  EPOCH: '[\\w-]{12}',
  TIME: '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z',
  '…': '[\\s\\S]*?',
};

/** Whether a step printed what the page shows, where EPOCH, TIME and … stand for what may differ. */
export function isAsShown({ expected, output }: Taken): boolean {
  if (expected.length === 0) return true;
  const pattern = expected
    .join('\n')
    .split(/(EPOCH|TIME|…)/)
    .map((part) => PLACES[part] ?? part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('');
  return new RegExp(`^${pattern}$`).test(output.trimEnd());
}

/** A directory to take steps in, and the address of a server of its own that has its queues in `rots` there. */
export interface Place {
  readonly cwd: string;
  readonly host: string;
}

export async function openPlace(t: Test, files: Readonly<Record<string, string>> = {}): Promise<Place> {
  const cwd = t.testdir({ rots: {}, ...files });
  // A curl whose output is no terminal would show its progress.
  writeFileSync(join(cwd, '.curlrc'), 'silent\nnoproxy = *\n');
  return { cwd, host: new URL((await serve(t, [], { cwd })).url).host };
}

/** Takes the steps with the address of the server in place of the default one. */
export function takeTour({ cwd, host }: Place, steps: readonly Step[]): Promise<Taken[]> {
  const rotera = `'${process.execPath}' '${ROTERA}'`;
  const local = steps.map((step) => ({
    ...step,
    command: step.command.replaceAll(ADDRESS, host).replaceAll('npx rotera', rotera),
  }));
  const { PATH = '' } = process.env;
  return takeSteps(local, cwd, { PATH, HOME: cwd, CURL_HOME: cwd, ROTERA_URL: `http://${host}` });
}

/** Fails for each step that went otherwise than the page shows. */
export function checkTour(t: Test, taken: readonly Taken[]): void {
  for (const step of taken) {
    t.ok(step.code === 0 || step.code === TIME_IS_UP, `${step.command}: exit code ${step.code}`);
    t.ok(isAsShown(step), step.command, { output: step.output, expected: step.expected });
  }
}
