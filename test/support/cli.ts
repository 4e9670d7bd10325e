/**
 * Command lines run inside the test's own process.
 */
import { EventEmitter, once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { runCli } from '../../cli/cli.js';
import { Interrupted } from '../../cli/context.js';
import type { Ran } from './program.js';

class Collector extends Writable {
  readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.chunks.push(chunk);
    done();
    this.emit('said');
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

type Env = Readonly<Record<string, string>>;

/** Runs a command line to its end, as the program would. */
export async function runHere(words: readonly string[], env: Env = {}, input: string | Uint8Array = ''): Promise<Ran> {
  const stdout = new Collector();
  const stderr = new Collector();
  const stdin = Readable.from(input.length === 0 ? [] : [Buffer.from(input)]);
  const code = await runCli(words, { stdin, stdout, stderr, env, colorDepth: 1 });
  return { code, stdout: Buffer.concat(stdout.chunks), stderr: stderr.text };
}

/** A command that runs inside the test's own process. */
export class Running extends EventEmitter {
  readonly stdin = new PassThrough();
  readonly #stdout = new Collector();
  readonly #stderr = new Collector();
  readonly #interruption = new AbortController();
  readonly #insistence = new AbortController();
  /** Resolves to the exit code. */
  readonly done: Promise<number>;

  constructor(words: readonly string[], env: Env = {}) {
    super();
    const { stdin } = this;
    const interrupt = (): AbortSignal => this.#interruption.signal;
    for (const stream of [this.#stdout, this.#stderr]) stream.on('said', () => this.emit('said'));
    this.done = runCli(words, {
      stdin,
      stdout: this.#stdout,
      stderr: this.#stderr,
      env,
      colorDepth: 1,
      interrupt,
      insist: () => this.#insistence.signal,
    });
  }

  get stdout(): string {
    return this.#stdout.text;
  }

  get stderr(): string {
    return this.#stderr.text;
  }

  /** Resolves to all it has said on standard output, once that (or standard error) matches. */
  async said(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.stdout) && !pattern.test(this.stderr)) {
      const ended = await Promise.race([once(this, 'said'), this.done]);
      if (typeof ended === 'number' && !pattern.test(this.stdout) && !pattern.test(this.stderr)) {
        throw new Error(`it ended with ${ended} and had not said ${pattern}: ${this.stdout}${this.stderr}`);
      }
    }
    return this.stdout;
  }

  /** As Ctrl-C does; the second time it insists. */
  interrupt(): void {
    if (this.#interruption.signal.aborted) this.#insistence.abort(new Interrupted(130));
    this.#interruption.abort(new Interrupted(130));
  }
}
