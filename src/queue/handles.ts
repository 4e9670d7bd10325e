/**
 * File handles, of which a process has so many (`ulimit -n`, LimitNOFILE). LMDB does not survive an open that finds none left.
 */
import { closeSync, openSync } from 'node:fs';
import { RoteraError } from '../errors.js';

/** What LMDB opens for a file, one of them only for a moment, what we open beside it, and one to spare. */
const WANTED = 7;

const NONE_LEFT: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE']);

export const isOutOfHandles = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && NONE_LEFT.has(String(error.code));

export function outOfHandles(cause: unknown): RoteraError {
  const text =
    'No file handle is left. Allow the process more of them (ulimit -n, LimitNOFILE of systemd), or try again later.';
  return new RoteraError('overloaded', text, {}, { cause });
}

/**
 * Makes sure that a file can be opened by LMDB now; nothing else opens one before this turn of the event loop ends.
 * @param directory any that can be read
 * @throws `overloaded` when too few handles are left
 */
export function checkHandles(directory: string): void {
  const taken: number[] = [];
  try {
    while (taken.length < WANTED) taken.push(openSync(directory, 'r'));
  } catch (error) {
    if (isOutOfHandles(error)) throw outOfHandles(error);
    // Whoever opens a file there says what is wrong with it.
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}
