/**
 * The block: what one or more group commits look like inside a rot file. Pure: no I/O, no clock.
 *
 * ```
 * block     header (24) | segment | segment | …          one segment a commit; a large commit spans several blocks
 * header    u8 format | u8[3] zero | u32 checksum | u64 first | u64 position
 * segment   header (20) | record | record | …
 * header    u32 length of the records | u32 count | u64 commit time, ms | u32 checksum
 * record    u32 length | bytes                            as pushed, and as a binary read sends them
 * ```
 * All numbers are little-endian. `first` is the id of the block's first message; `position` is how many payload bytes
 * had been pushed before it, so that the bytes kept are the difference of two positions and rotation need not read what
 * it removes. Checksums are CRC-32 (zlib). A segment's covers its own header and records and is seeded with the id of its
 * first message, so that a block found in a wrong place is as damaged as one with a flipped bit.
 *
 * A block is cut into chunks of {@link CHUNK_BYTES}, which are what LMDB stores: then no commit ever needs more than
 * sixteen contiguous pages, and free room never becomes useless by being scattered.
 */
import { crc32 } from 'node:zlib';
import { RECORD_HEADER_BYTES, recordLength, skipRecords } from '../batch.js';

const BLOCK_FORMAT = 1;
export const BLOCK_HEADER_BYTES = 24;
export const SEGMENT_HEADER_BYTES = 20;
/** Sixteen pages of 4 KiB less LMDB's page header of 24 bytes: a chunk fills its pages exactly. */
export const CHUNK_BYTES = 16 * 4096 - 24;
/**
 * A block is closed before it grows beyond this (about 128 KiB); a single larger message has a block of its own. A read that finds
 * its block on disk reads and verifies all of it: larger ones make such reads dearer, smaller ones make pushes dearer.
 */
export const BLOCK_BYTES = 2 * CHUNK_BYTES;
/** Small commits are folded into the newest block up to this size, since a block of its own would cost each a page. */
export const FOLD_BYTES = 32 * 1024 - 24;

/** A run of messages that were committed together. Plain numbers, so that a block of many tiny commits stays small. */
export interface Segment {
  /** Id of the first message. */
  readonly first: number;
  readonly count: number;
  /** Commit time in ms since the epoch. */
  readonly time: number;
  /** Where the records start in the block's buffer, and where they end. */
  readonly start: number;
  readonly end: number;
}

/** Consecutive messages of one commit, as views into a block: nothing is copied. */
export interface Slice {
  readonly first: number;
  readonly count: number;
  readonly time: number;
  readonly records: Buffer;
}

const checksumScratch = Buffer.alloc(8);

function writeU64(buffer: Buffer, value: number, offset: number): void {
  buffer.writeUInt32LE(value % 0x1_0000_0000, offset);
  buffer.writeUInt32LE(Math.floor(value / 0x1_0000_0000), offset + 4);
}

const readU64 = (buffer: Buffer, offset: number): number =>
  buffer.readUInt32LE(offset) + buffer.readUInt32LE(offset + 4) * 0x1_0000_0000;

function headerChecksum(buffer: Buffer): number {
  return crc32(buffer.subarray(8, BLOCK_HEADER_BYTES), crc32(buffer.subarray(0, 4)));
}

function segmentChecksum(buffer: Buffer, offset: number, end: number, first: number): number {
  writeU64(checksumScratch, first, 0);
  const seeded = crc32(buffer.subarray(offset, offset + 16), crc32(checksumScratch));
  return crc32(buffer.subarray(offset + SEGMENT_HEADER_BYTES, end), seeded);
}

/** Writes the header of a block at the start of its buffer. */
function writeBlockHeader(buffer: Buffer, first: number, position: number): void {
  buffer.fill(0, 0, 8);
  buffer[0] = BLOCK_FORMAT;
  writeU64(buffer, first, 8);
  writeU64(buffer, position, 16);
  buffer.writeUInt32LE(headerChecksum(buffer), 4);
}

/** The header at the start of a block, or undefined when it is damaged or of another format. */
export function readBlockHeader(buffer: Buffer): { first: number; position: number } | undefined {
  if (buffer.length < BLOCK_HEADER_BYTES || buffer[0] !== BLOCK_FORMAT) return undefined;
  if (buffer.readUInt32LE(4) !== headerChecksum(buffer)) return undefined;
  return { first: readU64(buffer, 8), position: readU64(buffer, 16) };
}

/** Commit time in ms of the first segment of a block that has a sound header. Not verified. */
export const readFirstTime = (buffer: Buffer): number => readU64(buffer, BLOCK_HEADER_BYTES + 8);

/**
 * Writes the header of a segment whose records already stand at `offset + SEGMENT_HEADER_BYTES` up to `end`.
 * @returns the segment.
 */
export function sealSegment(
  buffer: Buffer,
  offset: number,
  end: number,
  segment: { first: number; count: number; time: number },
): Segment {
  const start = offset + SEGMENT_HEADER_BYTES;
  buffer.writeUInt32LE(end - start, offset);
  buffer.writeUInt32LE(segment.count, offset + 4);
  writeU64(buffer, segment.time, offset + 8);
  buffer.writeUInt32LE(segmentChecksum(buffer, offset, end, segment.first), offset + 16);
  return { first: segment.first, count: segment.count, time: segment.time, start, end };
}

/** Payload bytes of a segment: its records without their lengths. */
export const segmentBytes = (segment: Segment): number =>
  segment.end - segment.start - segment.count * RECORD_HEADER_BYTES;

/** A block in memory: the intact segments and the bytes they stand in. */
export class Block {
  /** Whether a reader was given a view into the buffer: then it must never change again. */
  isLent = false;

  private constructor(
    /** Id of the first message. */
    readonly first: number,
    /** Payload bytes pushed to the queue before this block. */
    readonly position: number,
    readonly buffer: Buffer,
    /** Intact segments in order; grows only when a later commit is folded in, after its flush. */
    readonly segments: Segment[],
    /** Whether bytes follow the intact segments that are not a sound segment. */
    readonly damaged: boolean,
  ) {}

  /** An empty block with its header written; segments are added to it as they are sealed. */
  static create(buffer: Buffer, first: number, position: number): Block {
    writeBlockHeader(buffer, first, position);
    return new Block(first, position, buffer, [], false);
  }

  /**
   * Decodes and verifies a stored block. Never throws: what cannot be trusted is left out, from the first unsound
   * segment to the end, and `damaged` is set. @param first the id under which the block was found.
   */
  static decode(buffer: Buffer, first: number): Block {
    const header = readBlockHeader(buffer);
    if (header === undefined || header.first !== first) return new Block(first, Number.NaN, buffer, [], true);
    const segments: Segment[] = [];
    let id = first;
    let offset = BLOCK_HEADER_BYTES;
    while (offset < buffer.length) {
      const start = offset + SEGMENT_HEADER_BYTES;
      if (start > buffer.length) break;
      const end = start + buffer.readUInt32LE(offset);
      const count = buffer.readUInt32LE(offset + 4);
      if (end > buffer.length || count === 0) break;
      if (buffer.readUInt32LE(offset + 16) !== segmentChecksum(buffer, offset, end, id)) break;
      segments.push({ first: id, count, time: readU64(buffer, offset + 8), start, end });
      id += count;
      offset = end;
    }
    return new Block(first, header.position, buffer, segments, offset !== buffer.length);
  }

  /** The same block in another buffer, which holds the same bytes and has room for more. */
  movedTo(buffer: Buffer): Block {
    return new Block(this.first, this.position, buffer, [...this.segments], this.damaged);
  }

  /** Exclusive end of the intact ids. */
  get next(): number {
    const last = this.segments.at(-1);
    return last === undefined ? this.first : last.first + last.count;
  }

  /** Offset in the buffer behind the last intact segment. */
  get end(): number {
    return this.segments.at(-1)?.end ?? BLOCK_HEADER_BYTES;
  }

  /** Index of the segment that holds `id`, which must lie in `[first, next)`. */
  segmentIndex(id: number): number {
    let low = 0;
    let high = this.segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.segments[middle] as Segment).first <= id) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Payload bytes pushed to the queue before message `id` of this block. Walks the records of one segment. */
  positionOf(id: number): number {
    const index = this.segmentIndex(id);
    let position = this.position;
    for (let i = 0; i < index; i++) position += segmentBytes(this.segments[i] as Segment);
    const segment = this.segments[index];
    if (segment === undefined) return position;
    const skipped = id - segment.first;
    return position + skipRecords(this.buffer, segment.start, skipped) - segment.start - skipped * RECORD_HEADER_BYTES;
  }

  /**
   * Messages from `id` on, out of a single segment. At least one when `id` is intact, however long it is.
   * @param limit most messages @param maxBytes most payload bytes
   */
  slice(id: number, limit: number, maxBytes: number): Slice | undefined {
    if (id < this.first || id >= this.next) return undefined;
    this.isLent = true;
    const segment = this.segments[this.segmentIndex(id)] as Segment;
    const skipped = id - segment.first;
    const start = skipRecords(this.buffer, segment.start, skipped);
    const left = segment.count - skipped;
    // A whole segment that fits is taken without looking at its messages.
    if (left <= limit && segment.end - start - left * RECORD_HEADER_BYTES <= maxBytes) {
      return { first: id, count: left, time: segment.time, records: this.buffer.subarray(start, segment.end) };
    }
    let end = start;
    let count = 0;
    let bytes = 0;
    while (count < left && count < limit) {
      const length = recordLength(this.buffer, end);
      if (count > 0 && bytes + length > maxBytes) break;
      bytes += length;
      end += RECORD_HEADER_BYTES + length;
      count++;
    }
    return { first: id, count, time: segment.time, records: this.buffer.subarray(start, end) };
  }
}
