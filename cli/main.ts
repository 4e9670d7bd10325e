/**
 * The `rotera` program. One of the two places that know of process, environment and signals.
 */
import { constants } from 'node:os';
import { Cli } from 'clipanion';
import { RoteraError } from '../src/errors.js';
import { withPriorities } from '../src/systemd/journal.js';
import { runCli } from './cli.js';
import { Interrupted } from './context.js';
import { FAILURE } from './exit-codes.js';
import { report } from './report.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs the program with these words and ends the process with its exit code. */
export async function main(words: readonly string[]): Promise<void> {
  const interruption = new AbortController();
  const insistence = new AbortController();
  let asked = false;
  let askedForSecond = false;
  let signal: NodeJS.Signals | undefined;
  let isOver = false;
  let goesOnUnread = false;
  const hear = (name: (typeof SIGNALS)[number]): void => {
    const reason = new Interrupted(128 + constants.signals[name]);
    const isFirst = signal === undefined;
    signal = name;
    // Nobody is left to end well.
    if (isOver) dieOf(name);
    else if (isFirst) interruption.abort(reason);
    else if (askedForSecond && !insistence.signal.aborted) insistence.abort(reason);
    // Whoever says it once more ends the process at once, as if it had never been asked to end well.
    else dieOf(name);
  };
  const interrupt = (): AbortSignal => {
    if (!asked) for (const name of SIGNALS) process.on(name, () => hear(name));
    asked = true;
    return interruption.signal;
  };
  const insist = (): AbortSignal => {
    askedForSecond = true;
    return insistence.signal;
  };
  const goOnUnread = (): void => {
    goesOnUnread = true;
  };
  // What cannot be told changes nothing of what is done.
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (goesOnUnread) return;
    if (error.code !== 'EPIPE') {
      process.stderr.write(`rotera: Standard output cannot be written: ${error.message}.\n`);
      process.exit(FAILURE);
    }
    // Whoever read our output has gone, as in `rotera read q | head`: end well, and without a word.
    if (!asked) process.exit(0);
    interruption.abort(new Interrupted(0));
  });
  // Nothing is left that could go on with it, as when an answer has been lost inside of a library.
  process.once('beforeExit', () => {
    if (isOver) return;
    const text = 'It has ended before its work was done. This is a bug of rotera.';
    process.exitCode = report(new RoteraError('internal', text), { ...Cli.defaultContext, stderr, json: false });
  });
  const stderr = withPriorities(process.stderr, process.env) as NodeJS.WriteStream;
  process.exitCode = await runCli(words, { ...Cli.defaultContext, stderr, interrupt, insist, goOnUnread });
  isOver = true;
  // Whoever has read of it may have left it open, as a push does that fails: it would keep the process.
  process.stdin.destroy();
  // Dies of the signal all the same, as shells expect: Ctrl-C then ends a loop around the program too.
  if (signal !== undefined) dieOf(signal);
}

function dieOf(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
