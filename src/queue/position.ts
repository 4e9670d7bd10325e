/**
 * From a place in a queue to an id.
 */
import type { From } from '../from.js';

/** What a place is resolved against: the ids `[oldest, next)` that are kept, and the search for a time among them. */
export interface Kept {
  readonly oldest: number;
  readonly next: number;
  /** The first id in `[oldest, next]` committed at `time` (ms) or later. */
  idAt(time: number): number;
}

/**
 * The id that `from` means. May lie below `oldest` (a gap) or beyond `next`, when an id was named; a time in the future is `next`.
 * @param now ms
 */
export function resolveFrom(from: From, kept: Kept, now: number): number {
  switch (from.kind) {
    case 'id':
      return from.id;
    case 'last':
      return Math.max(kept.oldest, kept.next - from.count);
    case 'oldest':
      return kept.oldest;
    case 'next':
      return kept.next;
    case 'time':
      return kept.idAt(from.time);
    case 'age':
      return kept.idAt(now - from.age);
  }
}
