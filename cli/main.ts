/**
 * The `rotera` program. One of the two places that know of process, environment and signals.
 */
import { Cli } from 'clipanion';
import { withPriorities } from '../src/systemd/journal.js';
import { runCli } from './cli.js';

/** Runs the program with these words and ends the process with its exit code. */
export async function main(words: readonly string[]): Promise<void> {
  // Whoever read our output has gone, as in `rotera read q | head`.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const stderr = withPriorities(process.stderr, process.env) as NodeJS.WriteStream;
  process.exitCode = await runCli(words, { ...Cli.defaultContext, stderr });
}
