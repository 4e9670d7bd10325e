/**
 * One open rot file: its durable state, commits with rotation, reads.
 *
 * ```
 * blocks       u64 big-endian first id | u16 big-endian chunk  ->  chunk of a block (block.ts)
 * meta         "config" -> FileConfig    "state" -> FileState      JSON (file-meta.ts)
 * cursors      name -> position …        (cursors.ts)
 * producers    id -> last pushes         (producers.ts)
 * ```
 *
 * Why a crash loses nothing: a commit is one LMDB transaction that holds the new block, the removal of what it rotates out,
 * cursors, producers and the state. LMDB never overwrites a live page; it writes the new pages, syncs, then writes one of two
 * meta pages, inside one disk sector, through a descriptor that syncs each write. So after any crash the newest whole meta
 * page names a whole snapshot, and it was named before anyone was told of the push.
 */
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRoteraError, RoteraError, systemCode } from '../errors.js';
import { Allocation } from './allocation.js';
import { type BlockCache, BlockStore } from './block-store.js';
import { diskHangs } from './disk.js';
import { type Entry, Environment } from './environment.js';
import {
  CONFIG_KEY,
  encodeJson,
  type FileConfig,
  type FileState,
  homeOf,
  isCopy,
  newEpoch,
  readConfig,
  readMeta,
  STATE_KEY,
} from './file-meta.js';
import { FilePlace, fileGone } from './file-place.js';
import { checkHandles } from './handles.js';
import type { Limits } from './limits.js';
import { type Change, type Plan, Planner } from './plan.js';
import { probe } from './probe.js';
import { commitPages, PAGE_BYTES } from './room.js';
import { SeenMark } from './seen-mark.js';
import { StoredMessages } from './stored-messages.js';
import { ValueHeaders } from './value-headers.js';

/** Each step settles what was freed, rotates more out, or waits for a reader that sees old pages: at first so long. */
const MOST_ROOM_STEPS = 12;
const HELD_MS = 10;
/** When room runs short, at least this share of the file is made free at once, so that it does not run short each time. */
const ROOM_SHARE = 64;

export interface RotFileOptions {
  readonly blocks: BlockCache;
  /** Opened for reading only: commits are refused with this. */
  readonly readOnly?: RoteraError;
}

const NO_CHANGE: Change = { batches: [], entries: [] };

/** One commit at a time; reads are synchronous, show durable messages only, and hold no snapshot. */
export class RotFile {
  // Persisted, as last flushed; the state is kept with the messages that it describes.
  #config: FileConfig;
  readonly #messages: StoredMessages;
  // Derived from the file.
  readonly #allocation: Allocation;
  // Runtime.
  readonly #store: BlockStore;
  readonly #planner: Planner;
  readonly #headers: ValueHeaders | undefined;
  readonly #place: FilePlace;
  /** Once it is open for writing. */
  #mark: SeenMark | undefined;
  #failure: RoteraError | undefined;

  private constructor(
    place: FilePlace,
    /** The tables, for cursors and producers. */
    readonly environment: Environment,
    options: RotFileOptions,
  ) {
    this.#place = place;
    this.#config = readConfig(environment);
    this.#allocation = new Allocation(place, environment, this.#config.limit);
    this.#store = new BlockStore(environment, options.blocks);
    this.#messages = new StoredMessages(this.#store, readMeta<FileState>(environment, STATE_KEY));
    this.#planner = new Planner(this.#config.limits, this.#messages, this.#store);
    if (options.readOnly === undefined) this.#headers = new ValueHeaders(place.path, this.state.next);
    this.#failure = options.readOnly;
  }

  /**
   * Opens a rot file. Constant in time but for its tree of pages, whatever was written last. A copy that is opened for writing
   * draws a new epoch, durably.
   * @throws `not_a_rot_file` or `queue_unreadable`, with the reason; `overloaded` when too few file handles, or too little
   * address space, are left; the file is left as it is
   */
  static async open(path: string, options: RotFileOptions): Promise<RotFile> {
    checkHandles(dirname(path));
    probe(path, { readOnly: options.readOnly !== undefined });
    let place: FilePlace | undefined;
    let environment: Environment | undefined;
    let file: RotFile | undefined;
    try {
      place = FilePlace.take(path);
      environment = Environment.open(path, { readOnly: options.readOnly !== undefined });
      file = new RotFile(place, environment, options);
      if (options.readOnly === undefined) await file.#settleIn();
      return file;
    } catch (cause) {
      await (file ?? environment)?.close();
      place?.release();
      if (cause instanceof RoteraError) throw cause;
      throw new RoteraError('queue_unreadable', `The file cannot be opened: ${systemCode(cause)}.`, {}, { cause });
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
  get state(): FileState {
    return this.#messages.state;
  }

  /** Bytes the file takes now, and the most it ever will. */
  get size(): { bytes: number; limit: number } {
    return { bytes: this.#allocation.bytes, limit: this.#config.limit };
  }

  /** Why this file takes no more writes, if so. */
  get failure(): RoteraError | undefined {
    return this.#failure;
  }

  /** What is kept, for reading. */
  get messages(): StoredMessages {
    return this.#messages;
  }

  /**
   * Makes a change durable as one transaction, and rotates out what the limits no longer allow. Memory changes only after the
   * flush. Resolves to how long the disk took, in ms. @param now ms since the epoch; a clock that stepped back repeats the
   * last time
   * @throws `push_too_large` when the file could not hold it if it kept nothing else; `disk_full` when room cannot be had (only without
   * `reserve`), `overloaded` when a reader of the file holds its free room or no file handle is left: nothing is stored, later
   * commits may succeed. `queue_read_only`, `commit_timeout` when the write failed, and
   * `queue_not_found` when the file was removed or replaced: it takes no more
   */
  async commit(change: Change, now: number): Promise<number> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#planner.least(change) > this.#allocation.most) throw this.#tooLarge();
    let diskMs = 0;
    for (let step = 0; step < MOST_ROOM_STEPS; step++) {
      const plan = this.#planner.change(change, now);
      const missing = this.#allocation.shortfall(plan.pages);
      // Asked before anything is rotated out for it.
      if (plan.pages > this.#allocation.most) throw this.#tooLarge();
      if (missing === 0) {
        diskMs += await this.#apply(plan);
        // This is stored; later writes are given up.
        if ((await this.#mark?.pushed({ epoch: this.epoch, next: this.state.next })) === false)
          this.#failure ??= diskHangs();
        return diskMs;
      }
      if (this.#allocation.isHeld) await sleep((step + 1) * HELD_MS);
      else diskMs += await this.#makeRoom(missing);
    }
    throw new RoteraError(
      'overloaded',
      'The free room of the rot file is held by a program that reads it. Try again later.',
    );
  }

  #tooLarge(): RoteraError {
    const has = this.#allocation.most * PAGE_BYTES;
    const text = `This may take more than the ${has} bytes that the rot file has room for, with a header for each message. Push fewer messages at once, or make the queue larger.`;
    return new RoteraError('push_too_large', text, { maxBytes: this.limits.maxBytes });
  }

  /** Whether anything has become too old. @param now ms since the epoch */
  hasExpired(now: number): boolean {
    return this.#planner.youngEnough(now) > this.state.oldest;
  }

  /**
   * Rotates out what has become too old, or of a backlog as much as one commit may. Does nothing when nothing has. Resolves and throws as
   * {@link commit}.
   */
  async expire(now: number): Promise<number> {
    return this.hasExpired(now) ? await this.commit(NO_CHANGE, now) : 0;
  }

  /** Whether the file still stands under its path, and was never seen not to: one that came back is to be opened anew. */
  isInPlace(): boolean {
    return this.#place.isSame && !isRoteraError(this.#failure, 'queue_not_found');
  }

  /** Closes the file after the commit in flight, if any. */
  async close(): Promise<void> {
    this.#failure ??= new RoteraError('queue_unreadable', 'The queue is closed.');
    await this.environment.close();
    this.#headers?.close();
    this.#place.release();
  }

  /** Draws a new epoch when this file is a copy of the one that was created, wherever that was put. */
  async #settleIn(): Promise<void> {
    const { path } = this.#place;
    const { next } = this.state;
    const home = homeOf(path);
    this.#mark = new SeenMark(path, home, next);
    if (!isCopy(this.#config.home, home) && !this.#mark.contradicts({ epoch: this.epoch, next })) return;
    const config = { ...this.#config, epoch: newEpoch(), home };
    await this.#allocation.allocate(commitPages([]));
    await this.environment.commit([{ table: 'meta', key: CONFIG_KEY, value: encodeJson(config) }]);
    this.#config = config;
    await this.#mark.drawn({ epoch: this.epoch, next });
  }

  /** Writes the state once more: what the last commits freed becomes usable, and the disk is shown to work. Durable on return. */
  async settle(): Promise<number> {
    return await this.#apply(this.#planner.rewrite());
  }

  /** Settles what the last commits freed; when that is not enough, rotates further than the limits ask for. */
  async #makeRoom(missing: number): Promise<number> {
    const state = this.state;
    if (this.#allocation.unsettled > 2 * commitPages([]) || state.oldest === state.next) return await this.settle();
    const wanted = Math.max(missing, Math.ceil(this.#config.limit / PAGE_BYTES / ROOM_SHARE));
    return await this.#apply(this.#planner.rotateFurther(wanted));
  }

  async #apply({ state, gone, layout, entries, pages }: Plan): Promise<number> {
    const before = this.state;
    const removals = gone.map((key): Entry => ({ table: 'blocks', key, value: null }));
    let diskMs: number;
    try {
      await this.#allocation.allocate(pages);
      this.#headers?.mend(gone, layout?.chunks);
      diskMs = await this.environment.commit([
        ...entries,
        ...removals,
        { table: 'meta', key: STATE_KEY, value: encodeJson(state) },
      ]);
      this.#place.check(true);
    } catch (error) {
      // Nothing was written.
      if (isRoteraError(error, 'disk_full') || isRoteraError(error, 'overloaded')) throw error;
      // Of later writes it is known: they are refused before they are stored.
      this.#failure = isRoteraError(error, 'queue_not_found') ? fileGone() : (error as RoteraError);
      throw error;
    }
    this.#allocation.committed(pages, gone.length);
    this.#store.forget(state.oldest, state.oldest >= before.next);
    for (const [block, segment] of layout?.added ?? []) {
      block.segments.push(segment);
      if (block !== layout?.newest) this.#store.release(block);
    }
    this.#messages.advance(state, layout);
    return diskMs;
  }
}
