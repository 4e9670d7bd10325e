/**
 * Limits of a queue: what it may keep.
 */
import { RoteraError } from '../errors.js';

/** Limits of a queue, fixed at create and stored in its file. */
export interface Limits {
  /** Most messages kept: exact. 1 to 2^50. */
  readonly maxMessages: number;
  /** Most payload bytes kept: never exceeded, undershot by at most one block. 1 to 2^50. */
  readonly maxBytes: number;
  /**
   * Messages older than this are rotated out, to the commit: with the next push, or a second later. A backlog of more than 256 blocks, as
   * after a long stop, goes in parts, one commit behind the other. Null keeps them whatever their age. Seconds.
   */
  readonly maxAgeSeconds: number | null;
  /** Longest message accepted, in bytes: at most 16 MiB. */
  readonly maxMessageBytes: number;
  /** Whether the file's whole room is allocated at create. */
  readonly reserve: boolean;
}

export const DEFAULT_LIMITS: Limits = Object.freeze({
  maxMessages: 1_000_000,
  maxBytes: 64 * 1024 * 1024,
  maxAgeSeconds: null,
  maxMessageBytes: 1024 * 1024,
  reserve: true,
});

/** The limits asked for, with defaults. */
export function withDefaults(limits: Partial<Limits>): Limits {
  return { ...DEFAULT_LIMITS, ...limits };
}

/** @throws `config_mismatch` when a queue that exists has another limit than one that is asked for, naming both */
export function checkSameLimits(name: string, existing: Limits, asked: Partial<Limits>): void {
  for (const [field, value] of Object.entries(asked)) {
    const its = existing[field as keyof Limits];
    if (value === its) continue;
    const text = `The queue ${name} exists with ${field} ${its}, not ${value}. Limits are fixed when it is made.`;
    throw new RoteraError('config_mismatch', text, { field, value, existing: its });
  }
}
