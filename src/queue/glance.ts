/**
 * How a queue stands, for those who watch a thousand of them: without reading a message, so that looking costs next to nothing.
 */
import type { NamedCursor } from './cursors.js';
import type { Rotated } from './file-meta.js';
import { type CursorStat, cursorStat } from './headroom.js';
import type { Limits } from './limits.js';
import type { RotFile } from './rot-file.js';

/** What a stat says, from memory. */
export interface Glance {
  readonly limits: Limits;
  readonly oldest: number;
  readonly next: number;
  /** Payload bytes kept, as if the messages of the oldest block were all of one size: off by less than a block. */
  readonly bytes: number;
  /** Commit time of the newest message; before the first, when the queue was created. ms. */
  readonly newestTime: number;
  readonly file: { readonly bytes: number; readonly limit: number };
  readonly rotated: Rotated;
  readonly readOnly: boolean;
  /** Blocks found damaged when they were read, of those still kept. */
  readonly damagedBlocks: number;
}

export const glanceAt = ({ limits, state, size, failure, messages }: RotFile): Glance => ({
  limits,
  oldest: state.oldest,
  next: state.next,
  bytes: messages.bytesAbout,
  newestTime: state.time,
  file: size,
  rotated: state.rotated,
  readOnly: failure !== undefined,
  damagedBlocks: messages.damagedBlocks,
});

/** What is looked at for each cursor. */
export interface Look {
  /** Messages pushed a second. */
  readonly rate: number;
  /** ms since the epoch. */
  readonly now: number;
  /** Reads the block at each cursor; without, headroom may be understated by the bytes of one block. */
  readonly exact: boolean;
}

/** How each cursor stands, by name. */
export function cursorStats(
  file: RotFile,
  cursors: readonly NamedCursor[],
  { rate, now, exact }: Look,
): Record<string, CursorStat> {
  const { limits, messages, state } = file;
  const { oldest, next, position: end } = state;
  const bytes = exact ? messages.bytes : messages.bytesAbout;
  const placeOf = (id: number) => (exact ? messages.placeOf(id) : messages.peek(id));
  const stats: Record<string, CursorStat> = {};
  for (const { name, cursor } of cursors) {
    const { position } = cursor;
    const place = position >= oldest && position < next ? placeOf(position) : undefined;
    const bytesBehind = position >= next ? 0 : place === undefined ? bytes : end - place.position;
    const age = place === undefined ? undefined : (now - place.time) / 1000;
    stats[name] = cursorStat(cursor, { limits, oldest, next, bytes, bytesBehind, rate, age });
  }
  return stats;
}
