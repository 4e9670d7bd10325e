/**
 * From a place in a queue to an id. Pure.
 */
import type { From } from '../from.js';

/** The id that `from` means for a queue that keeps `[oldest, next)`. May lie below `oldest` (a gap) or beyond `next`. */
export function resolveFrom(from: From, kept: { readonly oldest: number; readonly next: number }): number {
  switch (from.kind) {
    case 'id':
      return from.id;
    case 'last':
      return Math.max(kept.oldest, kept.next - from.count);
    case 'oldest':
      return kept.oldest;
    case 'next':
      return kept.next;
  }
}
