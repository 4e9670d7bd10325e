/**
 * Servers as child processes: started on a free port in a directory of their own, measured, stopped.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { openSocket } from './clients/connection.js';

const START_MS = 10_000;
/** Linux counts processor time in units of this, for all that user space sees. */
const TICK_MS = 10;

/** A free port of loopback, a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Whether a program is installed, and what it says of its version. */
export function versionOf(program: string): string | undefined {
  const ran = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return ran.status === 0 ? ran.stdout.trim().split('\n')[0] : undefined;
}

export class Child {
  readonly #process: ChildProcess;

  private constructor(
    process: ChildProcess,
    readonly port: number,
  ) {
    this.#process = process;
  }

  /** Starts a server and waits until it accepts connections. @throws when it does not within {@link START_MS} */
  static async start(program: string, words: readonly string[], port: number): Promise<Child> {
    const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'] });
    const running = new Child(child, port);
    for (const end = performance.now() + START_MS; ; ) {
      try {
        (await openSocket(port)).destroy();
        return running;
      } catch (error) {
        if (child.exitCode !== null || performance.now() > end) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** Processor time used so far, by all threads, in ms. */
  get cpuMs(): number {
    const fields = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  /** Resident memory in bytes: all of it, with mapped files. */
  get residentBytes(): number {
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.#process.pid}/status`, 'utf8'))?.[1];
    return Number(kib) * 1024;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#process.kill('SIGTERM');
    await once(this.#process, 'exit');
  }
}
