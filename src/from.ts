/**
 * `from`: the place in a queue that a read or tail starts at, in all its spellings. Runs in browsers as well.
 */
import { RoteraError } from './errors.js';

/** A parsed `from`. */
export type From =
  | { readonly kind: 'id'; readonly id: number }
  | { readonly kind: 'last'; readonly count: number }
  | { readonly kind: 'oldest' }
  | { readonly kind: 'next' };

export const FROM_ACCEPTED = 'an id, -N (the last N), oldest or next';

/** @throws `bad_parameter` naming what is accepted. */
export function parseFrom(text: string): From {
  if (text === 'oldest' || text === 'next') return { kind: text };
  const number = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number)) {
    return text.startsWith('-') ? { kind: 'last', count: -number } : { kind: 'id', id: number };
  }
  throw new RoteraError('bad_parameter', `from=${text} is not understood; accepted: ${FROM_ACCEPTED}.`, {
    parameter: 'from',
    value: text,
    accepted: FROM_ACCEPTED,
  });
}
