/**
 * The loop: a line is read, its word runs, and again.
 */
import { createInterface, type Interface } from 'node:readline';
import { messageOf } from '../../src/errors.js';
import { hasPerson } from '../context.js';
import { appendHistory, HISTORY_LINES, historyPath, readHistory } from './history.js';
import type { Session } from './session.js';
import { completeLine, runLine } from './words.js';

/** Runs until `:quit` or the end of input; resolves to the exit code: for a person at a terminal, 0. */
export async function runRepl(session: Session): Promise<number> {
  const { stdin, stdout, stderr, env } = session.context;
  const terminal = hasPerson(session.context);
  const history = terminal ? historyPath(env) : undefined;
  const lines = createInterface({
    input: stdin,
    output: stdout,
    signal: session.signal,
    terminal,
    history: history === undefined ? [] : readHistory(history),
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
    completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
      void completeLine(session, line).then((result) => done(null, result));
    },
  });
  lines.on('SIGINT', () => interrupt(session, lines));
  const remember = rememberIn(history, stderr);
  // Ctrl-D while a word runs: a prompt after that would read on, and the program would never end.
  let isOpen = true;
  lines.once('close', () => {
    isOpen = false;
    if (terminal) session.leave();
  });
  if (terminal) prompt(session, lines);
  for await (const line of lines) {
    if (line.trim() !== '') remember(line);
    await runLine(session, line);
    if (session.isOver || session.signal.aborted) break;
    if (terminal && isOpen) prompt(session, lines);
  }
  lines.close();
  if (terminal && !session.isOver) stdout.write('\n');
  return terminal ? 0 : session.exitCode;
}

function prompt(session: Session, lines: Interface): void {
  lines.setPrompt(`${session.queue ?? ''}> `);
  lines.prompt();
}

/** Ctrl-C ends what runs; when nothing does, it takes the line away. */
function interrupt(session: Session, lines: Interface): void {
  if (session.interrupt()) return;
  const wasEmpty = lines.line === '';
  lines.write(null, { ctrl: true, name: 'e' });
  lines.write(null, { ctrl: true, name: 'u' });
  if (wasEmpty) session.say('(:quit or Ctrl-D leaves)');
  lines.prompt();
}

/** Keeps lines for the next run; a file that cannot be written is told of once. */
function rememberIn(path: string | undefined, stderr: NodeJS.WritableStream): (line: string) => void {
  let failed = path === undefined;
  return (line) => {
    if (failed) return;
    try {
      appendHistory(path as string, line);
    } catch (error) {
      failed = true;
      stderr.write(`rotera: the history is not kept: ${messageOf(error)}\n`);
    }
  };
}
