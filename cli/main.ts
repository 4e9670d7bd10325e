/**
 * The `rotera` program. One of the two places that know of process, environment and signals.
 */
import { constants } from 'node:os';
import { Cli } from 'clipanion';
import { withPriorities } from '../src/systemd/journal.js';
import { runCli } from './cli.js';
import { Interrupted } from './context.js';

/** Runs the program with these words and ends the process with its exit code. */
export async function main(words: readonly string[]): Promise<void> {
  const interruption = new AbortController();
  let asked = false;
  const interrupt = (): AbortSignal => {
    if (!asked) {
      asked = true;
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        // Once: the second one ends the process at once, as if it had never been asked to end well.
        process.once(name, () => interruption.abort(new Interrupted(128 + constants.signals[name])));
      }
    }
    return interruption.signal;
  };
  // Whoever read our output has gone, as in `rotera read q | head`: end well, and without a word.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!asked || error.code !== 'EPIPE') process.exit(error.code === 'EPIPE' ? 0 : 1);
    interruption.abort(new Interrupted(0));
  });
  const stderr = withPriorities(process.stderr, process.env) as NodeJS.WriteStream;
  process.exitCode = await runCli(words, { ...Cli.defaultContext, stderr, interrupt });
}
