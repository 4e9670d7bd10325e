/**
 * One rot file: one LMDB environment. The only file that imports lmdb.
 *
 * ```
 * db "blocks"   u64 big-endian first id | u16 big-endian chunk   ->  chunk of a block (see block.ts)
 * db "meta"     "config"  ->  JSON: format, epoch, createdAt, limits, limit of the file     written once
 *               "state"   ->  JSON: oldest, next, position, time, rotated                   written by every commit
 * ```
 *
 * Why a crash loses nothing: a commit is one LMDB transaction that holds the new block, the removal of what it rotates out
 * and the state. LMDB never overwrites a live page; it writes the new pages, syncs, then writes one of two meta pages, inside
 * one disk sector, through a descriptor that syncs each write. So after any crash the newest whole meta page names a whole
 * snapshot. That holds only without `overlappingSync`, whose newest snapshot is not yet on disk when it is acknowledged.
 * A push is acknowledged when `batch()` has resolved: meta page written and synced.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open as openFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Database, open as openEnvironment, type RootDatabase } from 'lmdb';
import type { LRUCache } from 'lru-cache';
import { type Batch, RECORD_HEADER_BYTES, recordLength } from '../batch.js';
import { messageOf, RoteraError } from '../errors.js';
import {
  BLOCK_BYTES,
  BLOCK_HEADER_BYTES,
  Block,
  CHUNK_BYTES,
  FOLD_BYTES,
  readBlockHeader,
  SEGMENT_HEADER_BYTES,
  type Segment,
  sealSegment,
} from './block.js';
import { probe } from './probe.js';
import { type Limits, type Mark, rotate } from './retention.js';
import { commitPages, fileLimit, PAGE_BYTES } from './room.js';

export const FILE_FORMAT = 1;
const MIB = 1024 * 1024;
const KEY_BYTES = 10;
const LAST_CHUNK = 0xffff;
/** Size of LMDB's lock file for 126 readers. Written with real bytes before LMDB maps it: on a full disk it would be SIGBUS. */
const LOCK_FILE_BYTES = 8272;
const CONFIG_KEY = Buffer.from('config');
const STATE_KEY = Buffer.from('state');

/** Written once, at create. */
interface Config {
  readonly format: number;
  /** Random id of this life of the queue. */
  readonly epoch: string;
  /** ms since the epoch. */
  readonly createdAt: number;
  readonly limits: Limits;
  /** Most bytes the file ever takes. */
  readonly limit: number;
}

/** Messages rotated out since create, by the limit that bit. */
export interface Rotated {
  readonly byCount: number;
  readonly byBytes: number;
  readonly byAge: number;
  readonly byRoom: number;
}

/** Written by every commit, in the same transaction as what it describes. */
export interface State {
  readonly oldest: number;
  readonly next: number;
  /** Payload bytes ever pushed. */
  readonly position: number;
  /** Time of the newest commit, ms since the epoch; never decreases. */
  readonly time: number;
  readonly rotated: Rotated;
}

/** Blocks read or written lately, of all queues of a process: bounded by the bytes they hold. */
export type BlockCache = LRUCache<string, Block>;

export interface RotFileOptions {
  readonly blocks: BlockCache;
}

type Entry = readonly [key: Buffer, value: Buffer];

/** What a group of pushes becomes: values to store, and what memory takes over once they are durable. */
interface Layout {
  readonly entries: readonly Entry[];
  readonly block: Block;
  readonly added: ReadonlyArray<readonly [Block, Segment]>;
}

function blockKey(first: number, chunk: number): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key.writeUInt32BE(Math.floor(first / 0x1_0000_0000), 0);
  key.writeUInt32BE(first % 0x1_0000_0000, 4);
  key.writeUInt16BE(chunk, 8);
  return key;
}

const keyFirst = (key: Buffer): number => key.readUInt32BE(0) * 0x1_0000_0000 + key.readUInt32BE(4);
const keyChunk = (key: Buffer): number => key.readUInt16BE(8);

const encode = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

function openLmdb(path: string, mapBytes: number, readOnly = false): RootDatabase<Buffer, Buffer> {
  return openEnvironment<Buffer, Buffer>({
    path,
    noSubdir: true,
    encoding: 'binary',
    keyEncoding: 'binary',
    // Acknowledged means synced: see the top of this file. The other two keep a failed commit from being lost or unhandled.
    overlappingSync: false,
    eventTurnBatching: false,
    safeRestore: true,
    pageSize: PAGE_BYTES,
    mapSize: Math.ceil(mapBytes / 65_536) * 65_536,
    maxReaders: 126,
    maxDbs: 8,
    permissionsMode: 0o640,
    readOnly,
  } as Parameters<typeof openEnvironment>[0]) as RootDatabase<Buffer, Buffer>;
}

const openBlocks = (env: RootDatabase<Buffer, Buffer>): Database<Buffer, Buffer> =>
  env.openDB({ name: 'blocks', encoding: 'binary', keyEncoding: 'binary' });
const openMeta = (env: RootDatabase<Buffer, Buffer>): Database<Buffer, Buffer> =>
  env.openDB({ name: 'meta', encoding: 'binary', keyEncoding: 'binary' });

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes zeros over `[from, to)`, so that the filesystem has really given the room; synced on return. */
async function writeZeros(file: FileHandle, from: number, to: number): Promise<void> {
  const zeros = Buffer.alloc(MIB);
  for (let at = from; at < to; ) {
    const { bytesWritten } = await file.write(zeros, 0, Math.min(zeros.length, to - at), at);
    at += bytesWritten;
  }
  await file.datasync();
}

const isNoSpace = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');

function diskFull(cause: unknown, bytes: number): RoteraError {
  const text = `The disk has no room for ${bytes} bytes. Free some, or create the queue with a smaller maxBytes.`;
  return new RoteraError('disk_full', text, { bytes }, { cause });
}

/**
 * Makes a new rot file. Durable on return: made under a temporary name, synced, linked to its own name, directory synced, so
 * that a create interrupted at any point leaves no half file under that name.
 * @throws `file_exists`; `disk_full` when the room cannot be reserved (nothing is left behind); `directory_unusable`.
 */
export async function createRotFile(path: string, limits: Limits, now: number): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.tmp-${randomBytes(6).toString('hex')}`);
  const limit = fileLimit(limits);
  try {
    // Asked first: finding out by writing would fill the disk for everybody else meanwhile.
    const { bavail, bsize } = statfsSync(directory);
    if (limits.reserve && limit > bavail * bsize) throw diskFull(undefined, limit);
    writeFileSync(`${temporary}-lock`, Buffer.alloc(LOCK_FILE_BYTES), { mode: 0o640 });
    // Not as large as the file may become: a map that is larger than the address space ends the process.
    const env = openLmdb(temporary, MIB);
    const meta = openMeta(env);
    openBlocks(env);
    const config: Config = {
      format: FILE_FORMAT,
      epoch: randomBytes(9).toString('base64url'),
      createdAt: now,
      limits,
      limit,
    };
    const rotated: Rotated = { byCount: 0, byBytes: 0, byAge: 0, byRoom: 0 };
    const state: State = { oldest: 0, next: 0, position: 0, time: now, rotated };
    await env.batch(() => {
      void meta.put(CONFIG_KEY, encode(config));
      void meta.put(STATE_KEY, encode(state));
    });
    await env.close();
    const file = await openFile(temporary, 'r+');
    try {
      if (limits.reserve) await writeZeros(file, (await file.stat()).size, limit);
      await file.sync();
    } finally {
      await file.close();
    }
    // A link, unlike a rename, never replaces a file that came meanwhile.
    linkSync(temporary, path);
    syncDirectory(directory);
  } catch (cause) {
    if (cause instanceof RoteraError) throw cause;
    if (isNoSpace(cause)) throw diskFull(cause, limits.reserve ? limit : 8 * PAGE_BYTES);
    if (cause instanceof Error && 'code' in cause) {
      if (cause.code === 'EEXIST') throw new RoteraError('file_exists', 'This file exists already.', {}, { cause });
      const text = `The directory cannot be written (${cause.code}): make it, or give the user that runs this write access.`;
      throw new RoteraError('directory_unusable', text, {}, { cause });
    }
    throw cause;
  } finally {
    for (const left of [temporary, `${temporary}-lock`]) rmSync(left, { force: true });
  }
}

/** A run of whole records inside a batch. */
interface Part {
  readonly records: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

const wholeParts = (batches: readonly Batch[]): Part[] =>
  batches.map(({ records, count }) => ({ records, start: 0, end: records.length, count }));

/** Cuts batches into runs of parts of at most `target` bytes; a single larger record is a run of its own. */
function* split(batches: readonly Batch[], target: number): Generator<Part[]> {
  let run: Part[] = [];
  let room = target;
  for (const { records, count } of batches) {
    let start = 0;
    let left = count;
    while (left > 0) {
      let end = records.length;
      let taken = left;
      if (end - start > room) {
        end = start;
        taken = 0;
        while (taken < left) {
          const behind = end + RECORD_HEADER_BYTES + recordLength(records, end);
          if (behind - start > room && !(taken === 0 && run.length === 0)) break;
          end = behind;
          taken++;
        }
      }
      if (taken > 0) run.push({ records, start, end, count: taken });
      room -= end - start;
      start = end;
      left -= taken;
      if (left > 0) {
        yield run;
        run = [];
        room = target;
      }
    }
  }
  if (run.length > 0) yield run;
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

let filesOpened = 0;

/** An open rot file. One commit at a time; reads are synchronous, show durable messages only, and hold no snapshot. */
export class RotFile {
  // Persisted, as last flushed.
  readonly #config: Config;
  #state: State;
  // Derived from the file.
  /** Starts of the oldest blocks, as far as they were looked up; never beyond the newest block. */
  #marks: Mark[] = [];
  /** The newest block while commits can be folded into it: its buffer has room behind the last segment. */
  #tail: Block | undefined;
  /** No page behind this one has ever been written; grows with what commits may have written until it is measured again. */
  #lastPage: number;
  #allocated: number;
  // Runtime.
  readonly #env: RootDatabase<Buffer, Buffer>;
  readonly #blocks: Database<Buffer, Buffer>;
  readonly #meta: Database<Buffer, Buffer>;
  readonly #cache: BlockCache;
  readonly #serial = ++filesOpened;
  readonly #foldBytes: number;
  readonly #blockBytes: number;
  #failure: RoteraError | undefined;

  private constructor(
    readonly path: string,
    env: RootDatabase<Buffer, Buffer>,
    cache: BlockCache,
  ) {
    this.#env = env;
    this.#cache = cache;
    this.#blocks = openBlocks(env);
    this.#meta = openMeta(env);
    this.#config = this.#readJson<Config>(CONFIG_KEY);
    if (this.#config.format !== FILE_FORMAT) {
      const text = `The rot file has format ${this.#config.format}; this rotera reads format ${FILE_FORMAT}: use a newer one.`;
      throw new RoteraError('not_a_rot_file', text, { format: this.#config.format });
    }
    this.#state = this.#readJson<State>(STATE_KEY);
    this.#lastPage = this.#measure().lastPage;
    this.#allocated = statSync(path).size;
    // Rotation by bytes takes whole blocks, so a small queue has small ones: then it keeps at least 63/64 of its bytes.
    this.#blockBytes = Math.min(BLOCK_BYTES, Math.max(1, Math.floor(this.limits.maxBytes / 64)));
    this.#foldBytes = Math.min(FOLD_BYTES, this.#blockBytes);
  }

  /**
   * Opens a rot file for reading and writing. Constant in time, whatever its size.
   * @throws `not_a_rot_file` or `queue_unreadable`, with the reason; the file is left as it is.
   */
  static open(path: string, options: RotFileOptions): RotFile {
    probe(path);
    if (!existsSync(`${path}-lock`)) writeFileSync(`${path}-lock`, Buffer.alloc(LOCK_FILE_BYTES), { mode: 0o640 });
    let env: RootDatabase<Buffer, Buffer> | undefined;
    try {
      env = openLmdb(path, Math.max(statSync(path).size, MIB));
      return new RotFile(path, env, options.blocks);
    } catch (cause) {
      void env?.close();
      if (cause instanceof RoteraError) throw cause;
      throw new RoteraError('queue_unreadable', `The file cannot be opened: ${messageOf(cause)}.`, {}, { cause });
    }
  }

  get epoch(): string {
    return this.#config.epoch;
  }

  get createdAt(): number {
    return this.#config.createdAt;
  }

  get limits(): Limits {
    return this.#config.limits;
  }

  /** The durable state. */
  get state(): State {
    return this.#state;
  }

  /** Bytes the file takes on disk now, and the most it ever will. */
  get size(): { bytes: number; limit: number } {
    return { bytes: statSync(this.path).size, limit: this.#config.limit };
  }

  /** Why this file takes no more writes, if so. */
  get failure(): RoteraError | undefined {
    return this.#failure;
  }

  /** Payload bytes kept. */
  get bytes(): number {
    const { oldest, next, position } = this.#state;
    return oldest === next ? 0 : position - this.#positionOf(oldest);
  }

  /** Commit time of message `id` in ms, if it is kept and intact. */
  timeOf(id: number): number | undefined {
    const block = this.block(id);
    if (block === undefined || id >= block.next) return undefined;
    return block.segments[block.segmentIndex(id)]?.time;
  }

  /**
   * Makes batches durable as one transaction, in order and with consecutive ids from `state.next` on, and rotates out what
   * the limits no longer allow. Memory changes only after the flush.
   * @param now ms since the epoch; a clock that stepped back repeats the last time
   * @throws `disk_full` when room cannot be had (only without `reserve`): nothing is stored, later commits may succeed.
   * `queue_read_only` when the write failed: the file takes no more.
   */
  async commit(batches: readonly Batch[], now: number): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { limits } = this;
    const before = this.#state;
    const time = Math.max(now, before.time);
    let count = 0;
    let bytes = 0;
    for (const batch of batches) {
      count += batch.count;
      bytes += batch.bytes;
    }
    const after = { next: before.next + count, position: before.position + bytes };
    const rotation = rotate(limits, before, after, before.oldest, this.#walkMarks());
    const layout = count === 0 ? undefined : this.#layOut(batches, time, rotation.oldest < before.next);
    const state: State = {
      ...after,
      oldest: rotation.oldest,
      time,
      rotated: {
        byCount: before.rotated.byCount + rotation.byCount,
        byBytes: before.rotated.byBytes + rotation.byBytes,
        byAge: before.rotated.byAge + rotation.byAge,
        byRoom: before.rotated.byRoom,
      },
    };
    const pages = commitPages((layout?.entries ?? []).map(([, value]) => value.length));
    await this.#makeRoom(pages);
    const gone = this.#keysBelow(rotation.oldest);
    await this.#write(() => {
      for (const [key, value] of layout?.entries ?? []) void this.#blocks.put(key, value);
      for (const key of gone) void this.#blocks.remove(key);
      void this.#meta.put(STATE_KEY, encode(state));
    });
    this.#state = state;
    this.#lastPage += pages;
    // With all that was stored before gone, the oldest block is one of this commit.
    if (rotation.oldest >= before.next) this.#marks = [];
    else this.#forgetBelow(rotation.oldest);
    for (const [block, segment] of layout?.added ?? []) {
      block.segments.push(segment);
      this.#cache.set(this.#cacheKey(block.first), block);
    }
    this.#tail = layout?.block ?? this.#tail;
  }

  /**
   * The block that should hold message `id`, which must lie in `[oldest, next)`. When `id` is not below the `next` of the
   * answer, or there is none, the message is damaged, or rotation has just overtaken it.
   */
  block(id: number): Block | undefined {
    if (this.#tail !== undefined && id >= this.#tail.first) return this.#tail;
    return this.#findBlock(id);
  }

  /** First id of the first block that begins behind `id`, or `next` when there is none. */
  nextBlock(id: number): number {
    for (const key of this.#blocks.getKeys({ start: blockKey(id + 1, 0), limit: 1 })) return keyFirst(key);
    return this.#state.next;
  }

  /** The oldest id on disk, which a commit may have moved on before memory takes it over. */
  durableOldest(): number {
    return this.#readJson<State>(STATE_KEY).oldest;
  }

  /** Closes the file after the commit in flight, if any. */
  async close(): Promise<void> {
    this.#failure ??= new RoteraError('queue_unreadable', 'The queue is closed.');
    await this.#env.close();
  }

  #readJson<T>(key: Buffer): T {
    const value = this.#meta.getBinary(key);
    if (value === undefined)
      throw new RoteraError('not_a_rot_file', `This is not a rot file: it has no ${key.toString()}.`);
    return JSON.parse(value.toString()) as T;
  }

  #measure(): { lastPage: number } {
    const stats = this.#env.getStats() as { lastPageNumber: number };
    return { lastPage: stats.lastPageNumber };
  }

  async #write(puts: () => void): Promise<void> {
    try {
      await this.#env.batch(puts);
    } catch (cause) {
      // lmdb leaves this promise without a handler when a commit fails.
      const { commitError } = cause as { commitError?: Promise<unknown> };
      commitError?.catch(() => undefined);
      const text = `The last write to the rot file failed (${messageOf(cause)}). Restart the server to open it afresh.`;
      this.#failure = new RoteraError('queue_read_only', text, {}, { cause });
      throw this.#failure;
    }
    // Reads from here on see what was just committed.
    this.#env.resetReadTxn();
  }

  /** Makes sure that a commit of so many pages finds its room already allocated, so that LMDB never meets a full disk. */
  async #makeRoom(pages: number): Promise<void> {
    if ((this.#lastPage + 1 + pages) * PAGE_BYTES > this.#allocated) this.#lastPage = this.#measure().lastPage;
    const needed = (this.#lastPage + 1 + pages) * PAGE_BYTES;
    if (needed <= this.#allocated) return;
    const size = Math.ceil(needed / MIB) * MIB;
    const file = await openFile(this.path, 'r+');
    try {
      await writeZeros(file, this.#allocated, size);
      this.#allocated = size;
    } catch (cause) {
      if (!isNoSpace(cause)) throw cause;
      await file.truncate(this.#allocated);
      throw diskFull(cause, size - this.#allocated);
    } finally {
      await file.close();
    }
  }

  #layOut(batches: readonly Batch[], time: number, keepTail: boolean): Layout {
    const length = batches.reduce((sum, batch) => sum + batch.records.length, 0);
    const room = SEGMENT_HEADER_BYTES + length;
    const tail = keepTail ? this.#foldable(room) : undefined;
    if (tail !== undefined) {
      const segment = fill(tail, tail.end, wholeParts(batches), this.#state.next, time);
      const value = tail.buffer.subarray(0, segment.end);
      return { entries: [[blockKey(tail.first, 0), value]], block: tail, added: [[tail, segment]] };
    }
    const entries: Entry[] = [];
    const added: Array<readonly [Block, Segment]> = [];
    let first = this.#state.next;
    let position = this.#state.position;
    let block: Block | undefined;
    for (const parts of split(batches, this.#blockBytes - BLOCK_HEADER_BYTES - SEGMENT_HEADER_BYTES)) {
      const records = parts.reduce((sum, part) => sum + part.end - part.start, 0);
      const count = parts.reduce((sum, part) => sum + part.count, 0);
      const end = BLOCK_HEADER_BYTES + SEGMENT_HEADER_BYTES + records;
      // Never a pooled buffer: lmdb reads it until the commit is done.
      block = Block.create(Buffer.allocUnsafeSlow(Math.max(end, this.#foldBytes)), first, position);
      const segment = fill(block, BLOCK_HEADER_BYTES, parts, first, time);
      for (let at = 0, chunk = 0; at < end; at += CHUNK_BYTES, chunk++) {
        entries.push([blockKey(first, chunk), block.buffer.subarray(at, Math.min(end, at + CHUNK_BYTES))]);
      }
      added.push([block, segment]);
      first += count;
      position += records - count * RECORD_HEADER_BYTES;
    }
    return { entries, block: block as Block, added };
  }

  /** The newest block, if so many more bytes can be folded into it. */
  #foldable(room: number): Block | undefined {
    const { oldest, next } = this.#state;
    if (this.#tail === undefined && oldest < next) {
      const newest = this.#findBlock(next - 1);
      if (newest !== undefined && !newest.damaged && newest.end < this.#foldBytes) {
        const buffer = Buffer.allocUnsafeSlow(this.#foldBytes);
        newest.buffer.copy(buffer, 0, 0, newest.end);
        this.#tail = newest.movedTo(buffer);
      }
    }
    const tail = this.#tail;
    return tail !== undefined && tail.end + room <= this.#foldBytes ? tail : undefined;
  }

  #cacheKey(first: number): string {
    return `${this.#serial}/${first}`;
  }

  #findBlock(id: number): Block | undefined {
    let last: Buffer | undefined;
    for (const key of this.#blocks.getKeys({ start: blockKey(id, LAST_CHUNK), reverse: true, limit: 1 })) last = key;
    if (last === undefined) return undefined;
    const first = keyFirst(last);
    const cached = this.#cache.get(this.#cacheKey(first));
    if (cached !== undefined) return cached;
    const buffer = this.#readChunks(first, keyChunk(last));
    if (buffer === undefined) return undefined;
    const block = Block.decode(buffer, first);
    this.#cache.set(this.#cacheKey(first), block);
    return block;
  }

  #readChunks(first: number, lastChunk: number): Buffer | undefined {
    const end = this.#blocks.getBinary(blockKey(first, lastChunk));
    if (end === undefined || lastChunk === 0) return end;
    const buffer = Buffer.allocUnsafeSlow(lastChunk * CHUNK_BYTES + end.length);
    for (let chunk = 0; chunk < lastChunk; chunk++) {
      const value = this.#blocks.getBinaryFast(blockKey(first, chunk));
      if (value === undefined || value.length !== CHUNK_BYTES) return undefined;
      // lmdb lends one large buffer and sets only its length: a view is the way to take no more than the value.
      buffer.set(value.subarray(0, CHUNK_BYTES), chunk * CHUNK_BYTES);
    }
    buffer.set(end, lastChunk * CHUNK_BYTES);
    return buffer;
  }

  #positionOf(id: number): number {
    const block = this.block(id);
    if (block === undefined || Number.isNaN(block.position)) return this.#marks[0]?.position ?? this.#state.position;
    return block.positionOf(id);
  }

  /** Starts of the blocks from the one that holds `oldest` on. */
  *#walkMarks(): Generator<Mark> {
    const { oldest, next } = this.#state;
    if (oldest === next) return;
    for (let i = 0; ; i++) {
      const known = this.#marks[i];
      if (known !== undefined) {
        yield known;
        continue;
      }
      const previous = this.#marks[i - 1];
      const key =
        previous === undefined
          ? this.#firstKey({ start: blockKey(oldest, LAST_CHUNK), reverse: true })
          : this.#firstKey({ start: blockKey(previous.first + 1, 0) });
      if (key === undefined) return;
      const first = keyFirst(key);
      const chunk = this.#blocks.getBinaryFast(blockKey(first, 0));
      const header = chunk === undefined ? undefined : readBlockHeader(chunk.subarray(0, BLOCK_HEADER_BYTES));
      // A block whose header is damaged counts as if it began where the one before it did: then bytes are overstated.
      const mark = { first, position: header?.position ?? previous?.position ?? 0 };
      this.#marks.push(mark);
      yield mark;
    }
  }

  #firstKey(range: { start: Buffer; reverse?: boolean }): Buffer | undefined {
    for (const key of this.#blocks.getKeys({ ...range, limit: 1 })) return key;
    return undefined;
  }

  /** Keys of the chunks of all blocks that end at or before `oldest`. */
  #keysBelow(oldest: number): Buffer[] {
    const keys: Buffer[] = [];
    const { next } = this.#state;
    let previous: Mark | undefined;
    for (const mark of this.#walkMarks()) {
      if (previous !== undefined && mark.first <= oldest) this.#addChunkKeys(keys, previous.first);
      if (mark.first > oldest) return keys;
      previous = mark;
    }
    if (previous !== undefined && oldest >= next) this.#addChunkKeys(keys, previous.first);
    return keys;
  }

  #addChunkKeys(keys: Buffer[], first: number): void {
    const range = { start: blockKey(first, 0), end: blockKey(first, LAST_CHUNK) };
    for (const key of this.#blocks.getKeys(range)) keys.push(key);
  }

  #forgetBelow(oldest: number): void {
    let gone = 0;
    while (gone + 1 < this.#marks.length && (this.#marks[gone + 1] as Mark).first <= oldest) gone++;
    if (gone > 0) this.#marks = this.#marks.slice(gone);
  }
}
