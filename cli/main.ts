/**
 * The `rotera` program. One of the two places that know of process, environment and signals.
 */
import { constants } from 'node:os';
import { Cli } from 'clipanion';
import { withPriorities } from '../src/systemd/journal.js';
import { runCli } from './cli.js';
import { Interrupted } from './context.js';
import { FAILURE } from './exit-codes.js';

/** Runs the program with these words and ends the process with its exit code. */
export async function main(words: readonly string[]): Promise<void> {
  const interruption = new AbortController();
  let asked = false;
  let signal: NodeJS.Signals | undefined;
  const interrupt = (): AbortSignal => {
    if (!asked) {
      asked = true;
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        // Once: the second one ends the process at once, as if it had never been asked to end well.
        process.once(name, () => {
          signal = name;
          interruption.abort(new Interrupted(128 + constants.signals[name]));
        });
      }
    }
    return interruption.signal;
  };
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') {
      process.stderr.write(`rotera: Standard output cannot be written: ${error.message}.\n`);
      process.exit(FAILURE);
    }
    // Whoever read our output has gone, as in `rotera read q | head`: end well, and without a word.
    if (!asked) process.exit(0);
    interruption.abort(new Interrupted(0));
  });
  const stderr = withPriorities(process.stderr, process.env) as NodeJS.WriteStream;
  process.exitCode = await runCli(words, { ...Cli.defaultContext, stderr, interrupt });
  // Dies of the signal all the same, as shells expect: Ctrl-C then ends a loop around the program too.
  if (signal !== undefined) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
}
