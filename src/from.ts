/**
 * `from`: the place in a queue that a read or tail starts at, in all its spellings. Runs in browsers as well.
 */
import { RoteraError } from './errors.js';

/** A parsed `from`. Times and ages in ms. */
export type From =
  | { readonly kind: 'id'; readonly id: number }
  | { readonly kind: 'last'; readonly count: number }
  | { readonly kind: 'oldest' }
  | { readonly kind: 'next' }
  | { readonly kind: 'time'; readonly time: number }
  | { readonly kind: 'age'; readonly age: number };

export const FROM_ACCEPTED =
  'an id, -N (the last N), oldest, next, an RFC 3339 time such as 2026-01-31T12:00:00Z, or an age such as 30s, 10m, 2h, 7d';

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
/** RFC 3339, section 5.6. */
const TIME = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+ -]\d\d:\d\d)$/;

/** @throws `bad_parameter` naming what is accepted */
export function parseFrom(text: string): From {
  const from =
    text === 'oldest' || text === 'next' ? { kind: text } : (parseNumber(text) ?? parseAge(text) ?? parseTime(text));
  if (from !== undefined) return from as From;
  throw new RoteraError('bad_parameter', `from=${text.slice(0, 100)} is not understood; accepted: ${FROM_ACCEPTED}.`, {
    parameter: 'from',
    value: text.slice(0, 100),
    accepted: FROM_ACCEPTED,
  });
}

function parseNumber(text: string): From | undefined {
  const number = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) return undefined;
  return text.startsWith('-') ? { kind: 'last', count: -number } : { kind: 'id', id: number };
}

function parseAge(text: string): From | undefined {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  return match === null ? undefined : { kind: 'age', age: Number(match[1]) * (UNIT_MS[match[2] as string] as number) };
}

function parseTime(text: string): From | undefined {
  // A `+` that nobody escaped in a query arrives as a space.
  const time =
    TIME.test(text) && isDay(text.slice(0, 10)) ? Date.parse(text.replace(/ (?=\d\d:\d\d$)/, '+')) : Number.NaN;
  return Number.isNaN(time) ? undefined : { kind: 'time', time };
}

/** Whether the calendar has this day: `Date.parse` takes the 31st of every month. */
function isDay(date: string): boolean {
  const midnight = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(date);
}
