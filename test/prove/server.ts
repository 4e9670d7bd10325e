/**
 * The built server as a process, in the environment of the service: stopped and started again, always on the same port.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { watch } from './child.js';

const PROGRAM = fileURLToPath(new URL('../../../dist/cli/bin/rotera-server.cjs', import.meta.url));
const SERVICE = fileURLToPath(new URL('../../../systemd/rotera.service', import.meta.url));
/** What the service that is shipped has in its environment. */
const SERVICE_ENVIRONMENT = Object.fromEntries(
  [...readFileSync(SERVICE, 'utf8').matchAll(/^Environment=(\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
);
/** A start or a stop that takes longer counts as hung; ms. */
const DEADLINE_MS = 30_000;
/** Linux counts processor time in units of this, for all that user space sees. */
const TICK_MS = 10;

export interface ServerOptions {
  /** Modules loaded before the program. */
  readonly imports?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Hears each line that it writes to standard error, which is else shown. */
  readonly hear?: (line: string) => void;
}

/** How a server was stopped. */
export interface Stopped {
  /** Its exit code, 0 for a good end, or the signal that ended it: SIGKILL when it had to be killed. */
  readonly endedWith: number | string;
  readonly ms: number;
}

export class Server {
  /** Its exit code, or the signal that ended it; undefined while it runs. */
  endedWith: number | string | undefined;
  #port = 0;
  #child: ChildProcess | undefined;

  /** @param directory exists, and is the server's own */
  constructor(
    readonly directory: string,
    readonly options: ServerOptions = {},
  ) {}

  get port(): number {
    return this.#port;
  }

  /** Processor time that it has used since it was started, by all threads; ms. Linux only. */
  get cpuMs(): number {
    const fields = readFileSync(`/proc/${this.#child?.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  /** Undefined when it was stopped. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Resolves when it says that it listens. @throws when it ends before */
  async start(): Promise<void> {
    const words = ['--dir', this.directory, '--port', String(this.#port), '--log-level', 'warn'];
    const { imports = [], env, hear } = this.options;
    const loaded = imports.map((path) => `--import=${path}`);
    const child = spawn(process.execPath, [...loaded, PROGRAM, ...words], {
      stdio: ['ignore', 'pipe', hear === undefined ? 'inherit' : 'pipe', 'ipc'],
      env: { ...process.env, ...SERVICE_ENVIRONMENT, ...env },
    });
    this.#child = child;
    watch(child);
    if (hear !== undefined) createInterface({ input: child.stderr as Readable }).on('line', hear);
    this.endedWith = undefined;
    child.once('exit', (code, signal) => {
      this.endedWith = code ?? signal ?? undefined;
    });
    const late = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
    child.once('exit', () => clearTimeout(late));
    for await (const line of createInterface({ input: child.stdout as Readable })) {
      const port = /^rotera listens on http:.*:(\d+)$/.exec(line)?.[1];
      if (port === undefined) continue;
      clearTimeout(late);
      this.#port = Number(port);
      child.stdout?.resume();
      return;
    }
    throw new Error('The server ended before it listened. Is it built (npm run build)?');
  }

  /** Tells something to a module that was loaded before the program, and resolves when that has answered. */
  async tell(message: object): Promise<void> {
    const child = this.#child as ChildProcess;
    const answered = once(child, 'message');
    child.send(message);
    await answered;
  }

  /** Asks it to stop, and resolves when it has ended. @throws when it had ended by itself before */
  async stop(): Promise<Stopped> {
    const began = performance.now();
    const late = setTimeout(() => this.kill(), DEADLINE_MS);
    try {
      const endedWith = await this.#end('SIGTERM');
      return { endedWith, ms: performance.now() - began };
    } finally {
      clearTimeout(late);
    }
  }

  /** Kills it with signal 9, and resolves when it is dead. @throws when it ended by itself before that */
  async die(): Promise<void> {
    const endedWith = await this.#end('SIGKILL');
    if (endedWith !== 'SIGKILL') throw endedByItself(endedWith);
  }

  /** Ends it, if it still runs. */
  kill(): void {
    this.#child?.kill('SIGKILL');
  }

  /** Its exit code, or the signal that ended it. @throws when it has ended already: its end would be waited for for ever */
  async #end(signal: NodeJS.Signals): Promise<number | string> {
    const child = this.#child as ChildProcess;
    const before = child.exitCode ?? child.signalCode;
    if (before !== null) throw endedByItself(before);
    const ended = once(child, 'exit');
    child.kill(signal);
    const [code, endedBy] = (await ended) as [number | null, string];
    this.#child = undefined;
    return code ?? endedBy;
  }
}

const endedByItself = (endedWith: number | string): Error => new Error(`the server ended by itself with ${endedWith}`);
