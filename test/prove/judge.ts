/**
 * Whether what a queue holds can be explained by what was pushed and acknowledged. Pure.
 */

import type { Rotated } from '../../src/queue/file-meta.js';
import type { Repeated } from './claims.js';

/** A push that was acknowledged: `count` messages from id `first` on, the first of them the writer's `sequence`. */
export interface Ack {
  readonly queue: string;
  readonly life: number;
  readonly writer: number;
  readonly sequence: number;
  readonly count: number;
  readonly first: number;
}

/** Messages found one after the other, of one batch; `index` is the place of the first of them in it. */
export interface Run {
  readonly first: number;
  readonly count: number;
  readonly life: number;
  readonly writer: number;
  readonly sequence: number;
  readonly index: number;
  readonly of: number;
}

/** All that a queue holds, as read. */
export interface Found {
  readonly queue: string;
  /** ms. */
  readonly createdAt: number;
  readonly oldest: number;
  readonly next: number;
  readonly bytes: number;
  readonly limits: {
    readonly maxMessages: number;
    readonly maxBytes: number;
    readonly maxMessageBytes: number;
    readonly maxAgeSeconds: number | null;
  };
  /** Messages rotated out since create; those for want of room are in it, and apart. */
  readonly rotated: Rotated & { readonly messages: number };
  readonly runs: readonly Run[];
  /** Ids of messages that are not what was pushed. */
  readonly altered: readonly number[];
  /** Ids in `[oldest, next)` that reading skipped, as `[from, to)`. */
  readonly gaps: ReadonlyArray<readonly [from: number, to: number]>;
  /** Positions by name, as they were found. */
  readonly cursors: Readonly<Record<string, number>>;
  /** Pushes of named producers that were repeated, once all was read; those that were no duplicates are in `later` too. */
  readonly repeated: readonly Repeated[];
  /** Pushes made once all was read, and what reading found of them. */
  readonly later: { readonly acks: readonly Ack[]; readonly runs: readonly Run[] };
}

const BLOCK_BYTES = 1024 * 1024;
/** So many complaints about one queue say enough. */
const ENOUGH = 5;

const writerOf = ({ life, writer }: { life: number; writer: number }): string => `${life}/${writer}`;

/** @param known how many messages each writer has pushed before, where that is known */
function* disorder(
  runs: readonly Run[],
  from: number,
  end: number,
  atStart: boolean,
  known?: ReadonlyMap<string, number>,
): Generator<string> {
  const sequences = new Map(known);
  let id = from;
  for (const [place, run] of runs.entries()) {
    const expected = sequences.get(writerOf(run)) ?? (atStart ? 0 : run.sequence);
    if (run.first !== id) yield `id ${id} is followed by ${run.first}`;
    if (run.sequence < expected) yield `id ${run.first} is doubled, or out of order`;
    if (run.sequence > expected)
      yield `writer ${writerOf(run)} lacks ${run.sequence - expected} before id ${run.first}`;
    const cutByRotation = place === 0 && !atStart;
    if (run.index !== 0 && !cutByRotation) yield `id ${run.first} begins in the middle of a batch`;
    if (run.index + run.count !== run.of) yield `the batch of id ${run.first} is not whole`;
    sequences.set(writerOf(run), run.sequence + run.count);
    id = run.first + run.count;
  }
  if (id !== end) yield `the messages end at ${id}, not at ${end}`;
}

function* missing(acks: Iterable<Ack>, runs: readonly Run[], oldest: number): Generator<string> {
  const holder = new Map<number, Run>();
  for (const run of runs) for (let i = 0; i < run.count; i++) holder.set(run.first + i, run);
  for (const ack of acks) {
    for (let id = Math.max(ack.first, oldest); id < ack.first + ack.count; id++) {
      const run = holder.get(id);
      const sequence = ack.sequence + id - ack.first;
      if (run === undefined) yield `acknowledged id ${id} is lost`;
      else if (writerOf(run) !== writerOf(ack) || run.sequence + id - run.first !== sequence) {
        yield `acknowledged id ${id} is another message now`;
      }
    }
  }
}

function* wrongLimits({ oldest, next, bytes, limits, rotated }: Found): Generator<string> {
  const { maxMessages, maxBytes, maxMessageBytes, maxAgeSeconds } = limits;
  const block = Math.max(Math.min(BLOCK_BYTES, maxBytes / 64), maxMessageBytes);
  if (next - oldest > maxMessages) yield `${next - oldest} messages are kept, of at most ${maxMessages}`;
  if (bytes > maxBytes) yield `${bytes} bytes are kept, of at most ${maxBytes}`;
  if (rotated.messages !== oldest)
    yield `${rotated.messages} messages are counted as rotated, the oldest id is ${oldest}`;
  // Small files have room for all that their limits keep: were it allowed, losing everything could be booked as that.
  if (rotated.byRoom > 0) yield `${rotated.byRoom} messages were rotated for want of room, which there was`;
  if (rotated.byAge > 0 && maxAgeSeconds === null)
    yield `${rotated.byAge} messages were rotated by an age that is not limited`;
  if (oldest > 0 && rotated.byAge === 0 && next - oldest < maxMessages && bytes < maxBytes - block) {
    yield `rotation took too much: ${next - oldest} messages of ${bytes} bytes are left`;
  }
}

/** How many messages each writer has pushed by what was found: a repeat that was stored must go on from there. */
function pushedBefore({ runs, repeated }: Found): Map<string, number> {
  const pushed = new Map<string, number>();
  for (const run of runs) pushed.set(writerOf(run), run.sequence + run.count);
  for (const { claim, duplicate } of repeated) {
    const before = pushed.get(writerOf(claim)) ?? claim.sequence;
    // A duplicate may have been rotated out.
    pushed.set(writerOf(claim), duplicate === true ? Math.max(before, claim.sequence + claim.count) : before);
  }
  return pushed;
}

/** What duplicates were said to be, as acknowledgements. */
const duplicatesOf = ({ repeated }: Found): Ack[] =>
  repeated.flatMap(({ claim, duplicate, first }) =>
    duplicate === true && typeof first === 'number' ? [{ ...claim, first }] : [],
  );

function* complaints(found: Found, acks: Iterable<Ack>): Generator<string> {
  const { oldest, next, later } = found;
  for (const id of found.altered) yield `id ${id} is altered`;
  for (const [from, to] of found.gaps) yield `ids ${from} to ${to} cannot be read`;
  yield* disorder(found.runs, oldest, next, oldest === 0);
  yield* missing([...acks, ...duplicatesOf(found)], found.runs, oldest);
  yield* wrongLimits(found);
  let end = next;
  for (const ack of later.acks) {
    if (ack.first !== end) yield `a later push got id ${ack.first}, not ${end}`;
    end = ack.first + ack.count;
  }
  yield* disorder(later.runs, next, end, true, pushedBefore(found));
  yield* missing(later.acks, later.runs, next);
}

/** What is wrong with a queue, given everything that was acknowledged before; empty when nothing is. */
export function judge(found: Found, acks: Iterable<Ack>): string[] {
  const texts: string[] = [];
  for (const text of complaints(found, acks)) {
    texts.push(`${found.queue}: ${text}`);
    if (texts.length === ENOUGH) break;
  }
  return texts;
}
