/**
 * What a queue keeps, and what it must rotate out. Pure: the same answer for the same arguments.
 */
import type { Limits } from './limits.js';

/** Where a run of stored messages begins, and how many payload bytes were pushed before it. */
export interface Mark {
  readonly first: number;
  readonly position: number;
}

/** What a commit rotates out: `oldest` is the new oldest id; each message is counted once, by the first limit that bit. */
export interface Rotation {
  readonly oldest: number;
  readonly byAge: number;
  readonly byCount: number;
  readonly byBytes: number;
}

/**
 * What has to go so that the queue, with the incoming messages, is within its limits.
 *
 * Age goes first, then count (both exact), then bytes by whole blocks.
 * @param kept `[oldest, next)` before the commit
 * @param after `next` and total payload position after the commit
 * @param youngEnough the oldest id that is young enough to keep, at least `kept.oldest`
 * @param blocks the blocks from the one that holds `kept.oldest` on, oldest first, as marks of their starts
 */
export function rotate(
  limits: Limits,
  kept: { readonly oldest: number; readonly next: number },
  after: { readonly next: number; readonly position: number },
  youngEnough: number,
  blocks: Iterable<Mark>,
): Rotation {
  const byAge = youngEnough - kept.oldest;
  const counted = Math.max(youngEnough, after.next - limits.maxMessages);
  const byCount = counted - youngEnough;
  let oldest = counted;
  let start: Mark | undefined;
  for (const block of blocks) {
    if (start !== undefined && block.first > oldest) {
      // `start` is the block that holds `oldest`: does all from its start on fit?
      if (after.position - start.position <= limits.maxBytes)
        return { oldest, byAge, byCount, byBytes: oldest - counted };
      oldest = block.first;
    }
    start = block;
  }
  // Only the newest block, and what is incoming, is left.
  if (start !== undefined && oldest < kept.next && after.position - start.position > limits.maxBytes) {
    oldest = kept.next;
  }
  return { oldest, byAge, byCount, byBytes: oldest - counted };
}
