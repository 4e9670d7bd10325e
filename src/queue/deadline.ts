/**
 * A deadline for something outside that does not count the time in which this process stood still, suspended or busy: what was
 * done meanwhile has not been heard of yet.
 */

import type { FileHandle } from 'node:fs/promises';
import { RoteraError } from '../errors.js';

const TICKS = 30;

export interface Deadline {
  /** Resolves when the time is over. */
  readonly over: Promise<void>;
  /** Gives it up: `over` stays pending. To be called always, else it keeps the process alive. */
  readonly clear: () => void;
}

/** A deadline in `ms`; however long the process stands still, that counts as a thirtieth of it. */
export function deadlineIn(ms: number): Deadline {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    let ticks = 0;
    // Ticks that were missed are not made up for.
    timer = setInterval(() => {
      if (++ticks === TICKS) resolve();
    }, ms / TICKS);
  });
  return { over, clear: () => clearInterval(timer) };
}

/** Longest time that one call to the disk may take; ms. */
export const DISK_DEADLINE_MS = 30_000;

/** What the disk is to do, if it does it in time. @throws `commit_timeout` when it does not; what became of it is not known then */
export async function fromDisk<T>(work: Promise<T>): Promise<T> {
  const { over, clear } = deadlineIn(DISK_DEADLINE_MS);
  const late = over.then(() => {
    const text = `The disk did not answer within ${DISK_DEADLINE_MS / 1000} s: whether this was stored is not known.`;
    throw new RoteraError('commit_timeout', text);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clear();
  }
}

/** Uses a file and closes it. One whose disk does not answer is closed when it does: nobody waits for that. */
export async function withFile<T>(opened: Promise<FileHandle>, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await opened;
  try {
    const result = await use(file);
    await file.close();
    return result;
  } catch (error) {
    file.close().catch(() => undefined);
    throw error;
  }
}
