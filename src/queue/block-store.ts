/**
 * The blocks of one rot file: finding, reading, caching and walking them. Table "blocks":
 * `u64 big-endian first id | u16 big-endian chunk -> bytes of the chunk`.
 */
import { LRUCache } from 'lru-cache';
import { BLOCK_HEADER_BYTES, Block, CHUNK_BYTES, readBlockHeader, readFirstTime } from './block.js';
import { buffers } from './buffers.js';
import type { Environment } from './environment.js';
import type { Chunk } from './layout.js';
import type { Mark } from './retention.js';
import { pagesOf } from './room.js';

const KEY_BYTES = 10;
/** No chunk of a block has a greater number. */
export const LAST_CHUNK = 0xffff;

/** Memory of blocks kept for readers, for all queues of a process together. */
const CACHE_BYTES = 32 * 1024 * 1024;
/** What each segment of a block in memory takes beside its bytes: as much again, when every message was committed alone. */
const SEGMENT_MEMORY_BYTES = 96;

/** Blocks read or written lately, of all queues of a process: bounded by the memory they take. */
export type BlockCache = LRUCache<string, Block>;

export const newBlockCache = (bytes = CACHE_BYTES): BlockCache =>
  new LRUCache<string, Block>({
    maxSize: bytes,
    sizeCalculation: ({ buffer, segments }) => buffer.length + segments.length * SEGMENT_MEMORY_BYTES,
  });

export function blockKey(first: number, chunk: number): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key.writeUInt32BE(Math.floor(first / 0x1_0000_0000), 0);
  key.writeUInt32BE(first % 0x1_0000_0000, 4);
  key.writeUInt16BE(chunk, 8);
  return key;
}

export const keyFirst = (key: Buffer): number => key.readUInt32BE(0) * 0x1_0000_0000 + key.readUInt32BE(4);
export const keyChunk = (key: Buffer): number => key.readUInt16BE(8);

/** When a message was committed, in ms, and how many payload bytes were pushed before it. */
export interface Place {
  readonly time: number;
  readonly position: number;
}

/** The ids that are stored, `next` exclusive. */
export interface Kept {
  readonly oldest: number;
  readonly next: number;
}

let stores = 0;

/** Reads are synchronous and hold no snapshot: what is returned is a copy of its own. */
export class BlockStore {
  readonly #environment: Environment;
  readonly #cache: BlockCache;
  readonly #serial = ++stores;
  /** Starts of the oldest blocks, as far as they were looked up; never beyond the newest block. */
  #marks: Mark[] = [];
  /** First ids of blocks that were found damaged when they were read. */
  readonly #damaged = new Set<number>();

  constructor(environment: Environment, cache: BlockCache) {
    this.#environment = environment;
    this.#cache = cache;
  }

  /** The block with the greatest first id not above `id`, verified; undefined when there is none or a chunk is missing. */
  find(id: number): Block | undefined {
    const [last] = this.#keys({ start: blockKey(id, LAST_CHUNK), reverse: true, limit: 1 });
    if (last === undefined) return undefined;
    const first = keyFirst(last);
    const cached = this.#cache.get(this.#cacheKey(first));
    if (cached !== undefined) return cached;
    const buffer = this.#read(first, keyChunk(last));
    if (buffer === undefined) {
      this.#damaged.add(first);
      return undefined;
    }
    const block = Block.decode(buffer, first);
    if (block.damaged) this.#damaged.add(first);
    this.keep(block);
    return block;
  }

  /** How many blocks that are still stored were found damaged when they were read. */
  get damaged(): number {
    return this.#damaged.size;
  }

  /**
   * The place of `id` as the first chunk of its block tells it: the position is that of the block. Nothing larger than a chunk
   * is read, and nothing put into the cache. The time is exact, since only blocks of one chunk hold several commits.
   */
  peek(id: number): Place | undefined {
    const [last] = this.#keys({ start: blockKey(id, LAST_CHUNK), reverse: true, limit: 1 });
    if (last === undefined) return undefined;
    const first = keyFirst(last);
    const chunk = this.#environment.borrow('blocks', blockKey(first, 0));
    const header = chunk === undefined ? undefined : readBlockHeader(chunk);
    if (chunk === undefined || header === undefined) return undefined;
    if (keyChunk(last) > 0) return { time: readFirstTime(chunk), position: header.position };
    const block = Block.decode(chunk, first);
    const time = block.segments[block.segmentIndex(id)]?.time;
    return time === undefined || id >= block.next ? undefined : { time, position: header.position };
  }

  /** First id of the first block that begins behind `id`, if any. */
  nextAfter(id: number): number | undefined {
    const [key] = this.#keys({ start: blockKey(id + 1, 0), limit: 1 });
    return key === undefined ? undefined : keyFirst(key);
  }

  /** Keeps a block at hand for readers. */
  keep(block: Block): void {
    this.#cache.set(this.#cacheKey(block.first), block);
  }

  /** The block that begins at `first`, if it is at hand. */
  kept(first: number): Block | undefined {
    return this.#cache.get(this.#cacheKey(first));
  }

  /** Takes back a block that was written and is no longer the newest: at hand if it was read, else its buffer is used again. */
  release(block: Block): void {
    if (block.isLent) {
      this.keep(block);
      return;
    }
    // As it was before the last commits were folded in.
    this.#cache.delete(this.#cacheKey(block.first));
    buffers.give(block.buffer);
  }

  /** Starts of the blocks from the one that holds `oldest` on, oldest first. */
  *walk(oldest: number): Generator<Mark> {
    for (let i = 0; ; i++) {
      const mark = this.#marks[i] ?? this.#lookUpMark(this.#marks[i - 1], oldest);
      if (mark === undefined) return;
      this.#marks[i] = mark;
      yield mark;
    }
  }

  /** Forgets the starts of blocks that are no longer stored. @param all when none of those known is */
  forget(oldest: number, all: boolean): void {
    let gone = 0;
    while (gone + 1 < this.#marks.length && (this.#marks[gone + 1] as Mark).first <= oldest) gone++;
    this.#marks = all ? [] : gone > 0 ? this.#marks.slice(gone) : this.#marks;
    const kept = this.#marks[0]?.first ?? 0;
    for (const first of this.#damaged) if (all || first < kept) this.#damaged.delete(first);
  }

  /** Keys of the chunks of the block that begins at `first`. */
  chunkKeys(first: number): Buffer[] {
    return this.#keys({ start: blockKey(first, 0), end: blockKey(first, LAST_CHUNK) });
  }

  /** Keys of the chunks of all blocks that end at or before `oldest`. */
  keysBelow(oldest: number, kept: Kept): Buffer[] {
    const keys: Buffer[] = [];
    if (kept.oldest === kept.next) return keys;
    let previous: number | undefined;
    for (const { first } of this.walk(kept.oldest)) {
      if (previous !== undefined && first <= oldest) keys.push(...this.chunkKeys(previous));
      if (first > oldest) return keys;
      previous = first;
    }
    if (previous !== undefined && oldest >= kept.next) keys.push(...this.chunkKeys(previous));
    return keys;
  }

  /** The oldest id that is left when the oldest blocks that take so many pages together are gone. */
  oldestWithout(pages: number, { oldest, next }: Kept): number {
    let freed = 0;
    for (const { first } of this.walk(oldest)) {
      if (freed >= pages) return first;
      freed += this.#pagesAt(first);
    }
    return next;
  }

  #pagesAt(first: number): number {
    let pages = 0;
    for (const key of this.chunkKeys(first)) pages += pagesOf(this.#environment.borrow('blocks', key)?.length ?? 0);
    return pages;
  }

  #keys(range: Parameters<Environment['keys']>[1]): Buffer[] {
    return this.#environment.keys('blocks', range);
  }

  #cacheKey(first: number): string {
    return `${this.#serial}/${first}`;
  }

  #lookUpMark(previous: Mark | undefined, oldest: number): Mark | undefined {
    const [key] =
      previous === undefined
        ? this.#keys({ start: blockKey(oldest, LAST_CHUNK), reverse: true, limit: 1 })
        : this.#keys({ start: blockKey(previous.first + 1, 0), limit: 1 });
    if (key === undefined) return undefined;
    const first = keyFirst(key);
    const chunk = this.#environment.borrow('blocks', blockKey(first, 0));
    const header = chunk === undefined ? undefined : readBlockHeader(chunk.subarray(0, BLOCK_HEADER_BYTES));
    // A block whose header is damaged counts as if it began where the one before it did: then bytes are overstated.
    return { first, position: header?.position ?? previous?.position ?? 0 };
  }

  #read(first: number, lastChunk: number): Buffer | undefined {
    const end = this.#environment.get('blocks', blockKey(first, lastChunk));
    if (end === undefined || lastChunk === 0) return end;
    const buffer = Buffer.allocUnsafeSlow(lastChunk * CHUNK_BYTES + end.length);
    for (let chunk = 0; chunk < lastChunk; chunk++) {
      const bytes = this.#environment.borrow('blocks', blockKey(first, chunk));
      if (bytes?.length !== CHUNK_BYTES) return undefined;
      buffer.set(bytes, chunk * CHUNK_BYTES);
    }
    buffer.set(end, lastChunk * CHUNK_BYTES);
    return buffer;
  }
}

/** Chunks as entries of a transaction. */
export const chunkEntries = (chunks: readonly Chunk[]) =>
  chunks.map(({ first, chunk, bytes }) => ({ table: 'blocks' as const, key: blockKey(first, chunk), value: bytes }));
