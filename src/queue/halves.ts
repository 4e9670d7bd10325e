/**
 * A group of writes for which there is no room is committed in halves, which refuses only what does not fit: nothing of it was written.
 */
import { isRoteraError } from '../errors.js';

/** How often a group is halved at the most: each half that does not fit costs a try to get room from the disk. */
const MOST_SPLITS = 32;

/** Whether a commit failed only because there is no room for all that it would have written. */
const isForRoom = (error: unknown): boolean =>
  isRoteraError(error, 'disk_full') || isRoteraError(error, 'push_too_large');

/** @returns for each write its result or why it was refused alone @throws what failed all */
export async function commitInHalves<W>(
  writes: readonly W[],
  commit: (group: readonly W[]) => Promise<unknown[]>,
  splits = { left: MOST_SPLITS },
): Promise<unknown[]> {
  try {
    return await commit(writes);
  } catch (error) {
    if (!isForRoom(error) || writes.length === 1 || splits.left === 0) throw error;
    splits.left--;
  }
  const half = Math.ceil(writes.length / 2);
  const results: unknown[] = [];
  for (const part of [writes.slice(0, half), writes.slice(half)]) {
    try {
      results.push(...(await commitInHalves(part, commit, splits)));
    } catch (error) {
      if (!isRoteraError(error)) throw error;
      results.push(...part.map(() => error));
    }
  }
  return results;
}
