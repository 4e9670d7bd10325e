/**
 * One queue: push, read, wait, stat over its rot file. Knows nothing of HTTP.
 */
import { type Batch, RECORD_HEADER_BYTES } from '../batch.js';
import { RoteraError } from '../errors.js';
import type { From } from '../from.js';
import type { Slice } from './block.js';
import { Committer } from './committer.js';
import { resolveFrom } from './position.js';
import type { Limits } from './retention.js';
import type { Rotated, RotFile } from './rot-file.js';

export interface Pushed {
  readonly epoch: string;
  /** Id of the first message of the push; the others follow. */
  readonly first: number;
  /** Exclusive end of its ids. */
  readonly next: number;
}

/** Ids that were asked for and are no more: `[from, to)`. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly reason: GapReason;
}

export type GapReason = 'rotated' | 'recreated' | 'damaged';

export interface ReadOptions {
  readonly from: From;
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
  /** Views into blocks: never changed, kept as long as they are held. */
  readonly slices: readonly Slice[];
}

export type QueueState = 'ok' | 'read_only';

export interface QueueStat extends Limits {
  readonly queue: string;
  readonly epoch: string;
  readonly createdAt: number;
  readonly oldest: number;
  readonly next: number;
  /** Messages kept. */
  readonly count: number;
  /** Payload bytes kept. */
  readonly bytes: number;
  /** Commit times in ms; null when the queue is empty. */
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
}

interface Waiter {
  readonly id: number;
  readonly wake: () => void;
}

/** An open queue. */
export class Queue {
  // Runtime; what is persisted is the file's.
  readonly #file: RotFile;
  readonly #committer: Committer;
  readonly #waiters = new Set<Waiter>();
  #closed = false;

  constructor(
    readonly name: string,
    file: RotFile,
    options: QueueOptions,
  ) {
    this.#file = file;
    this.#committer = new Committer({
      commit: async (batches) => {
        const first = file.state.next;
        await file.commit(batches, options.now());
        this.#wake();
        return first;
      },
      maxMessages: file.limits.maxMessages,
      maxBytes: file.limits.maxBytes,
    });
  }

  get epoch(): string {
    return this.#file.epoch;
  }

  /** Oldest id kept. */
  get oldest(): number {
    return this.#file.state.oldest;
  }

  /** The id that the next message will get. */
  get next(): number {
    return this.#file.state.next;
  }

  /** Whether it was closed, because its server stops or its file went away. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Appends a batch; all of it or nothing. Durable on return.
   * @throws `message_too_large`, `push_too_large`, `overloaded`, `disk_full`, `queue_read_only`
   */
  async push(batch: Batch): Promise<Pushed> {
    const { limits, failure } = this.#file;
    if (failure !== undefined) throw failure;
    if (batch.longest > limits.maxMessageBytes) {
      const text = `A message of ${batch.longest} bytes; this queue takes at most ${limits.maxMessageBytes} (maxMessageBytes).`;
      throw new RoteraError('message_too_large', text, { maxMessageBytes: limits.maxMessageBytes });
    }
    if (batch.count > limits.maxMessages || batch.bytes > limits.maxBytes) {
      const text = `${batch.count} messages of ${batch.bytes} bytes are more than the whole queue keeps (${limits.maxMessages} messages, ${limits.maxBytes} bytes).`;
      throw new RoteraError('push_too_large', text, { maxMessages: limits.maxMessages, maxBytes: limits.maxBytes });
    }
    const first = await this.#committer.push(batch);
    return { epoch: this.epoch, first, next: first + batch.count };
  }

  /**
   * Durable messages from `from` on. A gap, if any, is at the start. Never waits.
   * @throws `beyond_end` when `from` lies beyond `next`; `bad_parameter` when it lies beyond `to`
   */
  read(options: ReadOptions): ReadResult {
    const { oldest, next } = this.#file.state;
    const from = resolveFrom(options.from, { oldest, next });
    if (from > next) {
      throw new RoteraError(
        'beyond_end',
        `from=${from} lies beyond the end: the next message will get the id ${next}.`,
        {
          next,
        },
      );
    }
    const { to = next } = options;
    if (from > to) {
      throw new RoteraError('bad_parameter', `from=${from} lies after to=${to}.`, { parameter: 'to', value: to });
    }
    const start = Math.min(Math.max(from, oldest), Math.max(to, from));
    const end = Math.min(to, next);
    const run = this.#collect(start, end, options.limit, options.maxBytes);
    const gap =
      run.first > from
        ? { from, to: run.first, count: run.first - from, reason: run.first > start ? run.reason : 'rotated' }
        : null;
    return {
      epoch: this.epoch,
      first: run.first,
      next: run.next,
      oldest,
      upToDate: run.next >= next,
      gap: gap as Gap | null,
      count: run.next - run.first,
      slices: run.slices,
    };
  }

  #collect(start: number, end: number, limit: number, maxBytes: number) {
    const slices: Slice[] = [];
    let first = start;
    let id = start;
    let count = 0;
    let bytes = 0;
    let reason: GapReason = 'rotated';
    while (id < end && count < limit && (count === 0 || bytes < maxBytes)) {
      const slice = this.#file.block(id)?.slice(id, Math.min(limit - count, end - id), maxBytes - bytes);
      if (slice === undefined) {
        // Damaged, or rotated out by a commit that memory has not taken over yet. An answer has its gap at the start only.
        if (count > 0) break;
        if (id >= this.#file.durableOldest()) reason = 'damaged';
        id = Math.min(this.#file.nextBlock(id), end);
        first = id;
        continue;
      }
      const size = slice.records.length - slice.count * RECORD_HEADER_BYTES;
      if (count > 0 && bytes + size > maxBytes) break;
      slices.push(slice);
      id += slice.count;
      count += slice.count;
      bytes += size;
    }
    return { first, next: id, slices, reason };
  }

  /** Resolves to true once a message `id` is durable, to false when `signal` aborts or the queue is closed first. */
  waitFor(id: number, signal: AbortSignal): Promise<boolean> {
    if (id < this.next) return Promise.resolve(true);
    if (signal.aborted || this.#closed) return Promise.resolve(false);
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
    const { state, limits, epoch, createdAt, bytes, size, failure } = this.#file;
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
      bytes,
      oldestTime: empty ? null : (this.#file.timeOf(oldest) ?? null),
      newestTime: empty ? null : state.time,
      file: size,
      rotated: { messages: rotated.byCount + rotated.byBytes + rotated.byAge + rotated.byRoom, ...rotated },
      state: failure === undefined ? 'ok' : 'read_only',
      stateReason: failure?.message ?? null,
    };
  }

  /** Finishes the pushes that wait, wakes everyone who waits for a message, closes the file. */
  async close(): Promise<void> {
    await this.#committer.idle();
    this.#closed = true;
    for (const { wake } of [...this.#waiters]) wake();
    await this.#file.close();
  }

  #wake(): void {
    const { next } = this;
    for (const waiter of [...this.#waiters]) if (waiter.id < next) waiter.wake();
  }
}
