/**
 * Command lines run inside the test's own process.
 */
import { Readable, Writable } from 'node:stream';
import { runCli } from '../../cli/cli.js';
import type { Ran } from './program.js';

class Collector extends Writable {
  readonly chunks: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.chunks.push(chunk);
    done();
  }
}

/** Runs a command line to its end, as the program would. */
export async function runHere(
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input: string | Uint8Array = '',
): Promise<Ran> {
  const stdout = new Collector();
  const stderr = new Collector();
  const stdin = Readable.from(input.length === 0 ? [] : [Buffer.from(input)]);
  const code = await runCli(words, { stdin, stdout, stderr, env, colorDepth: 1 });
  return { code, stdout: Buffer.concat(stdout.chunks), stderr: Buffer.concat(stderr.chunks).toString() };
}
