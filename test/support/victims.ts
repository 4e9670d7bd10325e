/**
 * Runs damaged files in a child process (victim.ts), and starts another when one is killed.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from './victim.js';

/** A file that is not done with in this time hangs its process. */
const DEADLINE_MS = 20_000;

/** How a file went, or how it ended the process: by a signal, an exit code, or not at all. */
export type Fate = Outcome | { readonly killed: string };

export interface VictimsOptions {
  /** A sound queue, which has to survive beside the damaged one. */
  readonly good: string;
  /** Batches pushed to each file that can be opened. */
  readonly pushes: number;
}

/** One directory and the process that serves it. */
export class Victims {
  #child: ChildProcess | undefined;

  private constructor(
    readonly directory: string,
    readonly options: VictimsOptions,
  ) {}

  /** @param directory exists, and is the victims' own */
  static create(directory: string, options: VictimsOptions): Victims {
    copyFileSync(options.good, join(directory, 'good.rot'));
    return new Victims(directory, options);
  }

  /** Puts a file beside the sound one, and waits for what comes of it. */
  async try(bytes: Buffer): Promise<Fate> {
    const child = await this.#running();
    const path = join(this.directory, 'bad.rot');
    writeFileSync(`${path}.tmp`, bytes);
    renameSync(`${path}.tmp`, path);
    const fate = await outcome(child);
    if ('killed' in fate) {
      this.#child = undefined;
      for (const name of ['bad.rot', 'bad.rot-lock', '.bad.rot.failed'])
        rmSync(join(this.directory, name), { force: true });
    }
    return fate;
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.disconnect();
    await once(child, 'exit');
  }

  async #running(): Promise<ChildProcess> {
    if (this.#child !== undefined) return this.#child;
    const program = new URL(import.meta.url.endsWith('.ts') ? './victim.ts' : './victim.js', import.meta.url);
    // What LMDB writes about damage is not this test's output.
    const child = fork(program, [this.directory, String(this.options.pushes)], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    await Promise.race([once(child, 'message'), died(child)]);
    this.#child = child;
    return child;
  }
}

async function died(child: ChildProcess): Promise<never> {
  await once(child, 'exit');
  throw new Error(`The victim did not start: exit ${child.exitCode ?? child.signalCode}.`);
}

function outcome(child: ChildProcess): Promise<Fate> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => end({ killed: 'hang' }), DEADLINE_MS);
    const answered = (answer: unknown): void => end(answer as Outcome);
    const exited = (code: number | null, signal: string | null): void => end({ killed: signal ?? `exit ${code}` });
    const end = (fate: Fate): void => {
      clearTimeout(timer);
      child.off('message', answered);
      child.off('exit', exited);
      if ('killed' in fate) child.kill('SIGKILL');
      resolve(fate);
    };
    child.once('message', answered);
    child.once('exit', exited);
    child.send('try', (error) => {
      if (error !== null) end({ killed: error.message });
    });
  });
}
