/**
 * From pushed batches to stored blocks: what a group commit writes. Pure.
 */
import { type Batch, RECORD_HEADER_BYTES, recordLength } from '../batch.js';
import {
  BLOCK_BYTES,
  BLOCK_HEADER_BYTES,
  Block,
  CHUNK_BYTES,
  FOLD_BYTES,
  SEGMENT_HEADER_BYTES,
  type Segment,
  sealSegment,
} from './block.js';
import { buffers } from './buffers.js';

/** A run of whole records inside a batch. */
interface Part {
  readonly records: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

/** A chunk to store. */
export interface Chunk {
  /** First id of its block. */
  readonly first: number;
  readonly chunk: number;
  readonly bytes: Buffer;
}

/** What a group becomes: chunks to store, and what memory takes over once they are durable. */
export interface Layout {
  readonly chunks: readonly Chunk[];
  /** The newest block, into which the next small group may be folded, unless it is full. */
  readonly newest: Block;
  readonly isFull: boolean;
  /** Segments, and the blocks that they belong to from the flush on. */
  readonly added: ReadonlyArray<readonly [Block, Segment]>;
}

interface BlockSizes {
  /** A block is closed before it grows beyond this. */
  readonly blockBytes: number;
  /** Capacity of a block that later groups are folded into. */
  readonly foldBytes: number;
}

/** Blocks are a small fraction of what is kept: rotation takes whole ones. */
export function blockSizes(maxBytes: number): BlockSizes {
  const blockBytes = Math.min(BLOCK_BYTES, Math.max(1, Math.floor(maxBytes / 64)));
  return { blockBytes, foldBytes: Math.min(FOLD_BYTES, blockBytes) };
}

export interface LayoutOptions extends BlockSizes {
  /** Id of the group's first message. */
  readonly first: number;
  /** Payload bytes pushed before the group. */
  readonly position: number;
  /** Commit time, ms. */
  readonly time: number;
}

/** Bytes that a group adds to a block that it is folded into. */
export const foldedBytes = (batches: readonly Batch[]): number =>
  batches.reduce((sum, { records }) => sum + records.length, SEGMENT_HEADER_BYTES);

/** Lays a group out as one more segment of the newest block, whose buffer has room for {@link foldedBytes}. */
export function foldInto(tail: Block, batches: readonly Batch[], options: LayoutOptions): Layout {
  const parts = batches.map(({ records, count }) => ({ records, start: 0, end: records.length, count }));
  const segment = fill(tail, tail.end, parts, options.first, options.time);
  const bytes = tail.buffer.subarray(0, segment.end);
  return { chunks: [{ first: tail.first, chunk: 0, bytes }], newest: tail, isFull: false, added: [[tail, segment]] };
}

/** The least number of blocks that so many messages make: as many as there are when all of them are empty. */
export const leastBlocks = (messages: number, blockBytes: number): number =>
  Math.ceil(messages / Math.max(1, Math.floor(roomIn(blockBytes) / RECORD_HEADER_BYTES)));

/** Bytes of records in a block of one segment; below 0 when it is so small that each record has a block of its own. */
const roomIn = (blockBytes: number): number => blockBytes - BLOCK_HEADER_BYTES - SEGMENT_HEADER_BYTES;

/** Lays a group out as new blocks, one segment each. */
export function layOut(batches: readonly Batch[], options: LayoutOptions): Layout {
  const { time, blockBytes, foldBytes } = options;
  const chunks: Chunk[] = [];
  const added: Array<readonly [Block, Segment]> = [];
  let { first, position } = options;
  let newest: Block | undefined;
  let isFull = false;
  for (const parts of split(batches, roomIn(blockBytes))) {
    const records = parts.reduce((sum, part) => sum + part.end - part.start, 0);
    const count = parts.reduce((sum, part) => sum + part.count, 0);
    const end = BLOCK_HEADER_BYTES + SEGMENT_HEADER_BYTES + records;
    newest = Block.create(buffers.take(Math.max(end, foldBytes)), first, position);
    added.push([newest, fill(newest, BLOCK_HEADER_BYTES, parts, first, time)]);
    for (let at = 0, chunk = 0; at < end; at += CHUNK_BYTES, chunk++) {
      chunks.push({ first, chunk, bytes: newest.buffer.subarray(at, Math.min(end, at + CHUNK_BYTES)) });
    }
    isFull = end >= foldBytes;
    first += count;
    position += records - count * RECORD_HEADER_BYTES;
  }
  return { chunks, newest: newest as Block, isFull, added };
}

/** Cuts batches into runs of parts of at most `target` bytes; a single larger record is a run of its own. */
function* split(batches: readonly Batch[], target: number): Generator<Part[]> {
  let run: Part[] = [];
  let room = target;
  for (const { records, count } of batches) {
    let start = 0;
    let left = count;
    while (left > 0) {
      const part = takePart(records, start, left, room, run.length === 0);
      if (part.count > 0) run.push(part);
      room -= part.end - start;
      start = part.end;
      left -= part.count;
      if (left === 0) break;
      yield run;
      run = [];
      room = target;
    }
  }
  if (run.length > 0) yield run;
}

/** As many records from `start` on as fit into `room` bytes; at least one when `force` is set. */
function takePart(records: Uint8Array, start: number, left: number, room: number, force: boolean): Part {
  if (records.length - start <= room) return { records, start, end: records.length, count: left };
  let end = start;
  let count = 0;
  while (count < left) {
    const behind = end + RECORD_HEADER_BYTES + recordLength(records, end);
    if (behind - start > room && !(force && count === 0)) break;
    end = behind;
    count++;
  }
  return { records, start, end, count };
}

/** Copies parts into a block's buffer as one segment at `offset`, and seals it. */
function fill(block: Block, offset: number, parts: readonly Part[], first: number, time: number): Segment {
  let end = offset + SEGMENT_HEADER_BYTES;
  let count = 0;
  for (const part of parts) {
    block.buffer.set(part.records.subarray(part.start, part.end), end);
    end += part.end - part.start;
    count += part.count;
  }
  return sealSegment(block.buffer, offset, end, { first, count, time });
}
