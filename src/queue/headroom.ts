/**
 * How far a cursor is from being overrun by rotation. Pure but for the rate's own memory.
 */
import type { Cursor } from './cursors.js';
import type { Limits } from './limits.js';

/** Messages pushed a second, averaged with a half-life of a minute. */
export class PushRate {
  static readonly #HALF_LIFE_MS = 60_000;
  #weight = 0;
  #at = 0;

  /** @param now ms */
  add(count: number, now: number): void {
    this.#weight = this.#decayed(now) + count;
    this.#at = now;
  }

  /** Messages a second. */
  at(now: number): number {
    return (this.#decayed(now) * Math.LN2 * 1000) / PushRate.#HALF_LIFE_MS;
  }

  #decayed(now: number): number {
    return this.#weight * 2 ** (Math.min(0, this.#at - now) / PushRate.#HALF_LIFE_MS);
  }
}

/** How a cursor stands. */
export interface CursorStat {
  readonly position: number;
  /** Messages between it and the end. */
  readonly lag: number;
  /**
   * Messages that can still be pushed before rotation reaches the position, and seconds at the present rate; null when nothing
   * is being pushed and no age limit runs.
   */
  readonly headroom: { readonly messages: number; readonly seconds: number | null };
  readonly missed: number;
  /** ms. */
  readonly updatedAt: number;
}

/** Where the queue stands, as far as headroom depends on it. */
export interface Standing {
  readonly limits: Limits;
  readonly oldest: number;
  readonly next: number;
  /** Payload bytes kept, and those from the cursor's position on. */
  readonly bytes: number;
  readonly bytesBehind: number;
  /** Messages pushed a second. */
  readonly rate: number;
  /** Age of the message at the position in seconds, if there is one. */
  readonly age: number | undefined;
}

export function cursorStat(cursor: Cursor, standing: Standing): CursorStat {
  const { limits, oldest, next, bytes, bytesBehind, rate, age } = standing;
  const { position, missed, updatedAt } = cursor;
  const size = next > oldest ? Math.max(1, bytes / (next - oldest)) : 1;
  const byCount = position + limits.maxMessages - next;
  const byBytes = Math.floor((limits.maxBytes - bytesBehind) / size);
  const messages = position < oldest ? 0 : Math.max(0, Math.min(byCount, byBytes));
  const paces = [
    ...(rate > 1e-6 ? [messages / rate] : []),
    ...(limits.maxAgeSeconds !== null && age !== undefined ? [Math.max(0, limits.maxAgeSeconds - age)] : []),
  ];
  const seconds = paces.length > 0 ? Math.round(Math.min(...paces)) : null;
  return { position, lag: next - position, headroom: { messages, seconds }, missed, updatedAt };
}
