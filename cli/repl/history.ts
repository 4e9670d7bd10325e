/**
 * The lines of earlier runs, in a file of the user's.
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Lines kept. */
export const HISTORY_LINES = 1000;

type Env = Readonly<Record<string, string | undefined>>;

/** Where the history is; undefined when nobody says where state is kept. */
export function historyPath(env: Env): string | undefined {
  const home = env['HOME'];
  const state = env['XDG_STATE_HOME'] || (home ? join(home, '.local', 'state') : undefined);
  return state === undefined ? undefined : join(state, 'rotera', 'history');
}

/** The newest first, as readline wants them; cuts the file when it has grown. */
export function readHistory(path: string): string[] {
  let lines: string[];
  try {
    lines = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  } catch {
    // The first run, or not ours to read: begin anew.
    return [];
  }
  const kept = lines.slice(-HISTORY_LINES);
  if (lines.length > 2 * HISTORY_LINES) writeFileSync(path, `${kept.join('\n')}\n`, { mode: 0o600 });
  return kept.reverse();
}

/** @throws what the filesystem says */
export function appendHistory(path: string, line: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  appendFileSync(path, `${line}\n`, { mode: 0o600 });
}
