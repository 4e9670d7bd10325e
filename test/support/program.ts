/**
 * The built programs as real processes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';

const dist = new URL('../../dist/cli/', import.meta.url);
export const ROTERA = fileURLToPath(new URL('bin/rotera.cjs', dist));
export const ROTERA_SERVER = fileURLToPath(new URL('bin/rotera-server.cjs', dist));

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly program?: string;
  /** No file it writes may grow beyond this, so that a test of a full disk can never fill one. */
  readonly maxFileKib?: number;
  /** So many file handles it may have. */
  readonly maxHandles?: number;
  /** So much address space it may have. */
  readonly maxAddressKib?: number;
  /** What it says goes there instead of to the test. */
  readonly outputTo?: string;
  /** Who runs it, when that is not who runs the test; only root may choose. */
  readonly uid?: number;
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** The environment of the test without what would change the programs' defaults. */
function environment(extra: RunOptions['env'] = {}): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(ROTERA_|NODE_OPTIONS$|TAP)/.test(name));
  return { ...Object.fromEntries(inherited), NO_COLOR: '1', ...extra };
}

export function start(words: readonly string[], options: RunOptions = {}): ChildProcess {
  const { cwd, env, program = ROTERA, maxFileKib, maxHandles, maxAddressKib, outputTo, uid } = options;
  const command = [process.execPath, program, ...words];
  const shell: string[] = [];
  // What tap puts into NODE_OPTIONS would end the program at a file that is too large, where Node alone goes on with an error; and
  // writes where only who runs the test may.
  if (maxFileKib !== undefined || uid !== undefined) shell.push('unset NODE_OPTIONS');
  // A shell counts in blocks of 512 bytes.
  if (maxFileKib !== undefined) shell.push(`ulimit -f ${maxFileKib * 2}`);
  if (maxHandles !== undefined) shell.push(`ulimit -n ${maxHandles}`);
  if (maxAddressKib !== undefined) shell.push(`ulimit -v ${maxAddressKib}`);
  if (outputTo !== undefined) shell.push(`exec > ${outputTo} 2>&1`);
  if (shell.length > 0) command.unshift('sh', '-c', [...shell, 'exec "$@"'].join(' && '), 'sh');
  const [file, ...args] = command as [string, ...string[]];
  const user = uid === undefined ? {} : { uid, gid: uid };
  return spawn(file, args, { cwd, env: environment(env), stdio: 'pipe', ...user });
}

/** Everything a stream says until it ends. */
async function drain(stream: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Runs a command line to its end. */
export async function run(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = start(words, options);
  child.stdin?.on('error', () => undefined).end(options.input ?? '');
  const [stdout, stderr, [code]] = await Promise.all([drain(child.stdout!), drain(child.stderr!), once(child, 'exit')]);
  return { code, stdout, stderr: stderr.toString() };
}

/** What a process says while it runs. */
export class Heard extends EventEmitter {
  stdout = '';
  stderr = '';

  constructor(child: ChildProcess) {
    super();
    for (const name of ['stdout', 'stderr'] as const) {
      child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
        this[name] += chunk;
        this.emit('change');
      });
    }
  }

  /** Resolves once it has said so much on standard output. */
  async said(characters: number): Promise<string> {
    while (this.stdout.length < characters) await once(this, 'change');
    return this.stdout;
  }
}

/** A server process that listens. */
export interface Serving {
  readonly child: ChildProcess;
  readonly url: string;
  /** What it has said on standard output and error so far. */
  readonly said: () => string;
  /** Sends the signal and resolves to the exit code, or the signal that ended it. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | string>;
}

/** Starts `rotera serve` (or another program) on a free port, killed at the end of the test at the latest. */
export async function serve(t: Test, words: readonly string[], options: RunOptions = {}): Promise<Serving> {
  const child = start(options.program === undefined ? ['serve', ...words] : words, {
    ...options,
    env: { ROTERA_PORT: '0', ...options.env },
  });
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  let said = '';
  const listening = new Promise<string>((resolve, reject) => {
    const hear = (chunk: Buffer): void => {
      said += chunk;
      // The whole of what it says at its start ends with its queues.
      const url = /^rotera listens on (https?:\S+)$[\s\S]*^ {2}queues /m.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    void exited.then((code) => reject(new Error(`it ended before it listened (${code}): ${said}`)));
  });
  const url = await listening;
  return {
    child,
    url,
    said: () => said,
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}
