/**
 * The built server as a process of its own, for tests of what only a process can show: signals, descriptors, exit codes.
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';

export const PROGRAM = 'dist/cli/rotera-server.js';

export interface Program {
  readonly child: ChildProcess;
  /** Standard error so far. */
  readonly errors: () => string;
  /** Resolves to the exit code, or to the signal that ended the process. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export interface ProgramOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Standard input, and descriptors from 3 on. */
  readonly stdio?: StdioOptions;
}

/** Starts the program; it is killed when the test ends. */
export function startProgram(t: Test, args: readonly string[], options: ProgramOptions = {}): Program {
  const descriptors = (options.stdio ?? []) as unknown[];
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { PATH: process.env['PATH'], ...options.env },
    stdio: ['ignore', 'pipe', 'pipe', ...descriptors] as StdioOptions,
  });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, errors: () => errors, ended };
}

/** Starts a server on a free port and resolves when it listens. @throws what the server said when it did not start */
export async function startServer(
  t: Test,
  args: readonly string[],
  options?: ProgramOptions,
): Promise<Program & { url: string }> {
  const program = startProgram(t, ['--port', '0', ...args], options);
  const lines = createInterface({ input: program.child.stdout as NodeJS.ReadableStream });
  for await (const line of lines) {
    const url = /^rotera listens on (\S+)$/.exec(line)?.[1];
    if (url === undefined) continue;
    program.child.stdout?.resume();
    return { ...program, url };
  }
  throw new Error(`the server ended with ${await program.ended}: ${program.errors()}`);
}
