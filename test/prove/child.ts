/**
 * Processes started by a proof: what they are told, what they say, how they end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The descriptor on which a child says one JSON value a line, each with one write, so that a killed one loses none. */
export const SAY_FD = 3;

export interface ChildOptions {
  /** Modules loaded before the script. */
  readonly imports?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Words put before `node`, such as `['unshare', '-m']`. */
  readonly under?: readonly string[];
  /** Most time it may take; then it is killed. */
  readonly deadlineMs: number;
  /** Each line that it says. */
  readonly hear?: (said: unknown) => void;
}

/** How a child ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Whether it was killed because its deadline had passed. */
  readonly late: boolean;
  /** What it wrote to standard error. */
  readonly stderr: string;
}

/** Most characters kept of a child's standard error. */
const STDERR_KEPT = 64 * 1024;
const running = new Set<ChildProcess>();

/** Has a process killed, when it still runs, as those that are started here. */
export function watch(child: ChildProcess): void {
  running.add(child);
  child.once('exit', () => running.delete(child));
}

/** A running child. */
export interface Child {
  /** Resolves when it has ended and all that it said was heard. Never rejects. */
  readonly ended: Promise<Ended>;
  kill(): void;
  /** Resolves when none of its threads runs any more. */
  suspend(): Promise<void>;
}

/** Whether all threads of a process are stopped; one that writes to a disk first comes back from that. */
function hasStopped(pid = 0): boolean {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.every((thread) => /\) [TZX] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')));
}

/** Starts `children/NAME.js` with `job` as its only argument. */
export function start(name: string, job: unknown, options: ChildOptions): Child {
  const script = fileURLToPath(new URL(`./children/${name}.js`, import.meta.url));
  const imports = (options.imports ?? []).map((path) => `--import=${path}`);
  const [command = '', ...words] = [
    ...(options.under ?? []),
    process.execPath,
    ...imports,
    script,
    JSON.stringify(job),
  ];
  const child = spawn(command, words, {
    // The recorder would not see writes that go through io_uring. As many threads as the program has as it is installed (cli/bin):
    // with fewer, calls that hang keep the others from even beginning.
    env: { ...process.env, UV_USE_IO_URING: '0', UV_THREADPOOL_SIZE: '64', ...options.env },
    stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
  });
  running.add(child);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < STDERR_KEPT) stderr += text;
  });
  let rest = '';
  (child.stdio[SAY_FD] as Readable).setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    // A line that a kill cut short was not said.
    rest = lines.pop() ?? '';
    for (const line of lines) options.hear?.(JSON.parse(line));
  });
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, options.deadlineMs);
  const ended = new Promise<Ended>((resolve) => {
    child.once('error', (error) => resolve({ code: null, signal: null, late, stderr: String(error) }));
    child.once('close', (code, signal) => resolve({ code, signal, late, stderr }));
  });
  const kill = (): void => void child.kill('SIGKILL');
  const suspend = async (): Promise<void> => {
    child.kill('SIGSTOP');
    while (child.exitCode === null && child.signalCode === null && !hasStopped(child.pid)) await nextTurn();
  };
  return {
    kill,
    suspend,
    ended: ended.finally(() => {
      clearTimeout(deadline);
      running.delete(child);
    }),
  };
}

/** Starts a child and waits for its end. */
export const run = (name: string, job: unknown, options: ChildOptions): Promise<Ended> =>
  start(name, job, options).ended;

/** Kills every child that still runs. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** Why an ending is not a clean one, or undefined. */
export function complaintAbout({ code, signal, late, stderr }: Ended): string | undefined {
  const words = stderr.trim().split('\n').slice(0, 3).join(' | ');
  if (late) return `it hung and was killed ${words}`;
  if (signal !== null) return `it died of ${signal} ${words}`;
  if (code !== 0) return `it ended with ${code} ${words}`;
  return stderr === '' ? undefined : `it wrote to standard error: ${words}`;
}
