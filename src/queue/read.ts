/**
 * Reading a run of messages out of a rot file, with the gap at its start if there is one.
 */
import { RECORD_HEADER_BYTES } from '../batch.js';
import { RoteraError } from '../errors.js';
import type { Block, Slice } from './block.js';
import { type FileState, readMeta, STATE_KEY } from './file-meta.js';
import type { RotFile } from './rot-file.js';

export type GapReason = 'rotated' | 'recreated' | 'damaged';

/** Ids that were asked for and are no more: `[from, to)`. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** Null where it cannot be known: the queue was made anew. */
  readonly count: number | null;
  readonly reason: GapReason;
}

export const gapOf = (from: number, to: number, reason: GapReason): Gap => ({ from, to, count: to - from, reason });

export interface ReadOptions {
  /** First id wanted; at most `next`. */
  readonly from: number;
  /** Exclusive upper id. */
  readonly to?: number;
  /** Most messages. */
  readonly limit: number;
  /** Most payload bytes; at least one message is returned if there is one. */
  readonly maxBytes: number;
}

/** A run of messages that are all durable. */
export interface ReadResult {
  readonly epoch: string;
  /** Id of the first message returned, or where it would have been. */
  readonly first: number;
  /** Where to read from afterwards. */
  readonly next: number;
  readonly oldest: number;
  /** Whether nothing durable lay behind `next` when this was read. */
  readonly upToDate: boolean;
  /** Ids between the one asked for and `first` that are no more. */
  readonly gap: Gap | null;
  readonly count: number;
  /** Whether nothing but damage was found, and more may lie behind it. */
  readonly isCut: boolean;
  /** Views into blocks: never changed, kept as long as they are held. */
  readonly slices: readonly Slice[];
}

/**
 * Durable messages from an id on. An answer has at most one gap, at its start: it ends before a damaged block, or behind many of them:
 * then it is `isCut`.
 * @throws `beyond_end` when `from` lies beyond `next`; `bad_parameter` when it lies beyond `to`
 */
export function readMessages(
  file: RotFile,
  { from, to = Number.MAX_SAFE_INTEGER, limit, maxBytes }: ReadOptions,
): ReadResult {
  const { oldest, next } = file.state;
  if (from > next) {
    const text = `from=${from} lies beyond the end: the next message will get the id ${next}.`;
    throw new RoteraError('beyond_end', text, { next });
  }
  if (from > to) {
    throw new RoteraError('bad_parameter', `from=${from} lies after to=${to}.`, { parameter: 'to', value: to });
  }
  const start = Math.min(Math.max(from, oldest), to);
  const run = collect(file, start, Math.min(to, next), limit, maxBytes);
  const gap = run.first > from ? gapOf(from, run.first, run.damaged ? 'damaged' : 'rotated') : null;
  const { epoch } = file;
  const upToDate = run.next >= next;
  return {
    epoch,
    first: run.first,
    next: run.next,
    oldest,
    upToDate,
    gap,
    count: run.next - run.first,
    isCut: run.isCut,
    slices: run.slices,
  };
}

/** Damaged blocks that one read passes at the most: each is read and verified, on the thread that serves everybody. */
const MOST_DAMAGED = 32;

/** Commits that one read gives at the most: each costs some time and memory, however small it is. */
const MOST_SLICES = 100_000;

interface Run {
  readonly first: number;
  readonly next: number;
  readonly damaged: boolean;
  readonly isCut: boolean;
  readonly slices: readonly Slice[];
}

function collect(file: RotFile, start: number, end: number, limit: number, maxBytes: number): Run {
  const slices: Slice[] = [];
  let first = start;
  let id = start;
  let bytes = 0;
  let damaged = 0;
  let block: Block | undefined;
  while (id < end && id - first < limit && (id === first || bytes < maxBytes) && slices.length < MOST_SLICES) {
    // Found once, however many commits it holds.
    if (block === undefined || id >= block.next) block = file.messages.block(id);
    const slice = block?.slice(id, Math.min(limit - (id - first), end - id), maxBytes - bytes);
    if (slice === undefined) {
      if (id > first) break;
      // Damaged, unless a server that this file is read beside has rotated it out.
      const oldest = durableOldest(file);
      if (id >= oldest) damaged++;
      id = Math.min(id < oldest ? oldest : file.messages.nextBlock(id), end);
      first = id;
      if (damaged === MOST_DAMAGED) return { first, next: id, damaged: true, isCut: id < end, slices };
      continue;
    }
    const size = slice.records.length - slice.count * RECORD_HEADER_BYTES;
    if (id > first && bytes + size > maxBytes) break;
    slices.push(slice);
    id += slice.count;
    bytes += size;
  }
  return { first, next: id, damaged: damaged > 0, isCut: false, slices };
}

/** The oldest id on disk, which another process may have moved on. */
const durableOldest = ({ environment }: RotFile): number => readMeta<FileState>(environment, STATE_KEY).oldest;

/** One gap for two of which the second begins where the first ends. */
const joined = (first: Gap | null, second: Gap | null): Gap | null =>
  first === null || second === null ? (first ?? second) : gapOf(first.from, second.to, second.reason);

/** What a read and the one behind it found together, where the first found no message. */
export const joinedRead = (first: ReadResult, second: ReadResult): ReadResult => ({
  ...second,
  gap: joined(first.gap, second.gap),
});
