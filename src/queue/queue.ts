/**
 * One queue: push, read, wait, cursors, stat over its rot file. Knows nothing of HTTP.
 */
import type { Batch } from '../batch.js';
import { isRoteraError, RoteraError } from '../errors.js';
import { Committer, type Weight } from './committer.js';
import { type Cursor, type CursorChange, type NamedCursor, readCursor, readCursors } from './cursors.js';
import type { Rotated } from './file-meta.js';
import { cursorStats, type Glance, glanceAt } from './glance.js';
import { type CommitReport, Group, type Pushed, type PushOptions, type Stored } from './group.js';
import { commitInHalves } from './halves.js';
import { type CursorStat, PushRate } from './headroom.js';
import type { Limits } from './limits.js';
import { type ReadOptions, type ReadResult, readMessages } from './read.js';
import { groupBytes } from './room.js';
import type { RotFile } from './rot-file.js';

export type QueueState = 'ok' | 'read_only';

export interface QueueStat extends Limits {
  readonly queue: string;
  readonly epoch: string;
  /** ms, as all times here. */
  readonly createdAt: number;
  readonly oldest: number;
  readonly next: number;
  /** Messages kept. */
  readonly count: number;
  /** Payload bytes kept. */
  readonly bytes: number;
  /** Commit times; null when the queue is empty. */
  readonly oldestTime: number | null;
  readonly newestTime: number | null;
  readonly file: { readonly bytes: number; readonly limit: number };
  readonly rotated: Rotated & { readonly messages: number };
  readonly state: QueueState;
  readonly stateReason: string | null;
}

export interface QueueOptions {
  /** ms since the epoch. */
  readonly now: () => number;
  /** Told of every group commit, once it is durable. */
  readonly onCommit?: (queue: Queue, report: CommitReport) => void;
  /** Called once when a write failed: this queue takes no more, and LMDB's state in this process can no longer be trusted. */
  readonly onFailure?: (queue: Queue, error: RoteraError) => void;
}

/** Why a queue has ended: closed with its server, its file removed, or another file in its place. */
export type QueueEnd = 'closed' | 'removed' | 'recreated';

interface Waiter {
  readonly id: number;
  readonly wake: () => void;
}

type Write = (group: Group) => unknown;

const NO_WEIGHT: Weight = { messages: 0, bytes: 0 };

/** An open queue. */
export class Queue {
  // Runtime; what is persisted is the file's.
  readonly #file: RotFile;
  readonly #options: QueueOptions;
  readonly #committer: Committer<Write, unknown>;
  readonly #waiters = new Set<Waiter>();
  readonly #rate = new PushRate();
  /** As stored, once somebody has asked for all; forgotten when any changes. */
  #cursors: readonly NamedCursor[] | undefined;
  #ended: QueueEnd | undefined;
  #isClosing = false;
  #hasFailed = false;

  constructor(
    readonly name: string,
    file: RotFile,
    options: QueueOptions,
  ) {
    this.#file = file;
    this.#options = options;
    const { maxMessages, maxBytes } = file.limits;
    this.#committer = new Committer({
      commit: (writes) => commitInHalves(writes, (group) => this.#commit(group)),
      most: { messages: maxMessages, bytes: Math.min(maxBytes, groupBytes(maxBytes)) },
    });
  }

  get epoch(): string {
    return this.#file.epoch;
  }

  get limits(): Limits {
    return this.#file.limits;
  }

  /** Oldest id kept. */
  get oldest(): number {
    return this.#file.state.oldest;
  }

  /** The id that the next message will get. */
  get next(): number {
    return this.#file.state.next;
  }

  get state(): QueueState {
    return this.#file.failure === undefined ? 'ok' : 'read_only';
  }

  /** Set once the queue is of no more use. */
  get ended(): QueueEnd | undefined {
    return this.#ended;
  }

  /**
   * Appends a batch; all of it or nothing. Durable on return. A repeat of a producer's push stores nothing and answers its
   * original ids.
   * @throws `message_too_large`, `push_too_large`, `overloaded`, `disk_full`, `queue_read_only`, `commit_timeout`,
   * `producer_gap`, `producer_fenced`, `next_moved`, `queue_not_found` when the file is gone
   */
  push(batch: Batch, options?: Omit<PushOptions, 'producer'>): Promise<Stored>;
  push(batch: Batch, options: PushOptions): Promise<Pushed>;
  async push(batch: Batch, options: PushOptions = {}): Promise<Pushed> {
    this.#checkUsable();
    const { limits } = this.#file;
    if (batch.longest > limits.maxMessageBytes) {
      const text = `A message of ${batch.longest} bytes; this queue takes at most ${limits.maxMessageBytes} (maxMessageBytes).`;
      throw new RoteraError('message_too_large', text, { maxMessageBytes: limits.maxMessageBytes });
    }
    if (batch.count > limits.maxMessages || batch.bytes > limits.maxBytes) {
      const text = `${batch.count} messages of ${batch.bytes} bytes are more than the whole queue keeps (${limits.maxMessages} messages, ${limits.maxBytes} bytes).`;
      throw new RoteraError('push_too_large', text, { maxMessages: limits.maxMessages, maxBytes: limits.maxBytes });
    }
    const weight = { messages: batch.count, bytes: batch.records.length };
    return (await this.#committer.write((group) => group.push(batch, options), weight)) as Pushed;
  }

  /** Durable messages. Never waits. @throws as {@link readMessages} */
  read(options: ReadOptions): ReadResult {
    if (this.#ended !== undefined) throw this.#endedError();
    return readMessages(this.#file, options);
  }

  /** The first id in `[oldest, next]` committed at `time` (ms) or later. */
  idAt(time: number): number {
    return this.#file.messages.idAt(time);
  }

  /** A cursor as it is stored. */
  cursor(name: string): Cursor | undefined {
    return readCursor(this.#file.environment, name);
  }

  /** Changes a cursor; durable on return. @throws `cursor_not_found`, `beyond_end`, `too_many_cursors`, as a push */
  async moveCursor(change: CursorChange): Promise<Cursor> {
    this.#checkUsable();
    return (await this.#committer.write((group) => group.cursor(change), NO_WEIGHT)) as Cursor;
  }

  /** Rotates out what has become too old, if anything has. Of much, only the first part has gone on return. */
  async expire(): Promise<void> {
    if (this.limits.maxAgeSeconds === null || this.#file.failure !== undefined) return;
    await this.#committer.write(() => undefined, NO_WEIGHT);
  }

  /** Resolves to true once a message `id` is durable, to false when `signal` aborts or the queue ends first. */
  waitFor(id: number, signal: AbortSignal): Promise<boolean> {
    if (id < this.next) return Promise.resolve(true);
    if (signal.aborted || this.#ended !== undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', done);
        resolve(id < this.next);
      };
      const waiter: Waiter = { id, wake: done };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  stat(): QueueStat {
    const { state, limits, epoch, createdAt, messages, size, failure } = this.#file;
    const { oldest, next, rotated } = state;
    const empty = oldest === next;
    return {
      queue: this.name,
      epoch,
      createdAt,
      ...limits,
      oldest,
      next,
      count: next - oldest,
      bytes: messages.bytes,
      oldestTime: empty ? null : (messages.timeOf(oldest) ?? null),
      newestTime: empty ? null : (messages.timeOf(next - 1) ?? state.time),
      file: size,
      rotated: { messages: rotated.byCount + rotated.byBytes + rotated.byAge + rotated.byRoom, ...rotated },
      state: this.state,
      stateReason: failure?.message ?? null,
    };
  }

  /** How each cursor stands, by name. @param exact false to read no blocks: see {@link cursorStats} */
  cursors(exact = true): Record<string, CursorStat> {
    const now = this.#options.now();
    this.#cursors ??= readCursors(this.#file.environment);
    return cursorStats(this.#file, this.#cursors, { rate: this.#rate.at(now), now, exact });
  }

  /** How the queue stands, from memory alone. */
  glance(): Glance {
    return glanceAt(this.#file);
  }

  /** Pushes and other writes that wait for the disk. */
  get waiting(): number {
    return this.#committer.waiting;
  }

  /** Whether the file still stands under its path. */
  isInPlace(): boolean {
    return this.#file.isInPlace();
  }

  /** Finishes the writes that wait, wakes everyone who waits for a message, closes the file. */
  async close(end: QueueEnd = 'closed'): Promise<void> {
    this.#isClosing = true;
    await this.#committer.idle();
    if (this.#ended !== undefined) return;
    this.#ended = end;
    for (const { wake } of [...this.#waiters]) wake();
    await this.#file.close();
  }

  /** Told once, however many writes wait behind the one that failed. */
  #fail(error: RoteraError): void {
    if (!this.#hasFailed) this.#options.onFailure?.(this, error);
    this.#hasFailed = true;
  }

  #checkUsable(): void {
    if (this.#ended !== undefined) throw this.#endedError();
    if (this.#file.failure !== undefined) throw this.#file.failure;
  }

  #endedError(): RoteraError {
    if (this.#ended === 'closed') return new RoteraError('draining', 'The server is stopping.');
    return new RoteraError('queue_not_found', `The rot file of ${this.name} was removed or replaced.`, {
      queue: this.name,
    });
  }

  async #commit(writes: readonly Write[]): Promise<unknown[]> {
    // LMDB may not even read after a failed write: those that waited behind it are refused as it was.
    if (this.#file.failure !== undefined) throw this.#file.failure;
    const now = this.#options.now();
    const group = new Group(this.#file, now);
    const results = writes.map((write) => {
      try {
        return write(group);
      } catch (error) {
        if (isRoteraError(error)) return error;
        throw error;
      }
    });
    let report: CommitReport;
    try {
      report = await group.commit();
    } catch (error) {
      if (isRoteraError(error, 'queue_read_only') || isRoteraError(error, 'commit_timeout')) this.#fail(error);
      throw error;
    }
    // What comes behind is refused, and this was stored all the same.
    if (this.#file.failure !== undefined) this.#fail(this.#file.failure);
    this.#rate.add(report.messages, now);
    if (group.changesCursors) this.#cursors = undefined;
    this.#options.onCommit?.(this, report);
    const { next } = this;
    for (const waiter of [...this.#waiters]) if (waiter.id < next) waiter.wake();
    if (!this.#isClosing) this.#goOnExpiring(now);
    return results;
  }

  /** Rotates what was too old already and has not gone: the rest of a backlog, with the pushes that have come meanwhile. */
  #goOnExpiring(now: number): void {
    try {
      // A failure to rotate is told by the pushes.
      if (this.#file.hasExpired(now)) void this.expire().catch(() => undefined);
    } catch {
      // It cannot be looked at now, as when programs have taken all places of readers. What was pushed is stored all the same.
    }
  }
}
