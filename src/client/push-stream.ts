/**
 * A stream of messages pushed in batches: one batch is under way while the next is gathered.
 */
import { type Batch, batchOf, cutBatch, MAX_BATCH_MESSAGES, messagesOf } from '../batch.js';
import { isRoteraError, RoteraError } from '../errors.js';
import type { PushBody } from '../protocol/answers.js';
import { fitBatches } from './fit-batches.js';
import { bytesOfPushable, type Pushable } from './message.js';

/** What a stream may hold: messages, or batches of them that are ready to go. */
export type Streamable = Pushable | Batch;

export interface StreamOptions {
  /** A batch is sent when it holds this many bytes, at least 1. Default 1 MiB. */
  readonly batchBytes?: number | undefined;
  /** A batch is sent when it holds this many messages, at least 1. Default and most: 1,048,576. */
  readonly batchMessages?: number | undefined;
  /** A message waits no longer than this for company, in ms, unless a push is under way. Default 5. */
  readonly lingerMs?: number | undefined;
  /** Called in order, for every batch, as soon as it is durable. */
  readonly onPush?: ((pushed: PushBody, batch: Batch) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a stream has come to. */
export interface StreamResult {
  /** Messages acknowledged. */
  readonly messages: number;
  /** Payload bytes acknowledged. */
  readonly bytes: number;
  /** Ids of the first message and behind the last; null when there was none. Others' messages may lie between. */
  readonly first: number | null;
  readonly next: number | null;
}

const DEFAULT_BATCH_BYTES = 1024 * 1024;
const DEFAULT_LINGER_MS = 5;

/** Pushes a stream in order. Holds at most two batches and what the source gives at once. */
export class PushStream {
  // Runtime: what is gathered, what is under way, and who waits.
  #gathered: Batch[] = [];
  #gatheredBytes = 0;
  #gatheredMessages = 0;
  #underWay: Promise<void> | undefined;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #failure: { readonly error: unknown } | undefined;
  #sourceFailure: { readonly error: unknown } | undefined;
  #fail: (error: unknown) => void = () => undefined;
  // Derived from answers.
  #batchBytes: number;
  #batchMessages: number;
  #result: StreamResult = { messages: 0, bytes: 0, first: null, next: null };
  readonly #lingerMs: number;

  constructor(
    readonly push: (batch: Batch) => Promise<PushBody>,
    readonly options: StreamOptions,
  ) {
    this.#batchBytes = Math.max(1, options.batchBytes ?? DEFAULT_BATCH_BYTES);
    this.#batchMessages = Math.max(1, Math.min(options.batchMessages ?? MAX_BATCH_MESSAGES, MAX_BATCH_MESSAGES));
    this.#lingerMs = options.lingerMs ?? DEFAULT_LINGER_MS;
  }

  /** Resolves when all is durable. @throws what a push or the source throws; what was acknowledged before was told */
  async run(source: AsyncIterable<Streamable>): Promise<StreamResult> {
    const { signal } = this.options;
    const iterator = source[Symbol.asyncIterator]();
    const abort = (): void => this.#stop(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    let ended = false;
    try {
      signal?.throwIfAborted();
      while (true) {
        const item = await this.#orFailure(this.#next(iterator));
        ended = item === undefined;
        if (item === undefined) break;
        this.#gather(item);
        await this.#makeRoom();
      }
      await this.#drain();
      if (this.#sourceFailure !== undefined) throw this.#sourceFailure.error;
      return this.#result;
    } finally {
      clearTimeout(this.#linger);
      signal?.removeEventListener('abort', abort);
      // Not awaited: a source that waits for input would never answer.
      if (!ended) void iterator.return?.()?.catch(() => undefined);
    }
  }

  /** Undefined at the end. A source that fails has ended too: what it gave before is pushed, then its error is thrown. */
  async #next(iterator: AsyncIterator<Streamable>): Promise<Streamable | undefined> {
    try {
      const { done, value } = await iterator.next();
      return done === true ? undefined : value;
    } catch (error) {
      this.#sourceFailure = { error };
      return undefined;
    }
  }

  /** What a promise resolves to, unless a push fails first: a source that waits for input must not hide that. */
  #orFailure<T>(promise: Promise<T>): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      promise.then(resolve, reject);
    });
  }

  #stop(error: unknown): void {
    this.#failure ??= { error };
    this.#fail(error);
  }

  #gather(item: Streamable): void {
    const batch = typeof item === 'string' || item instanceof Uint8Array ? batchOf([bytesOfPushable(item)]) : item;
    this.#gathered.push(batch);
    this.#gatheredBytes += batch.bytes;
    this.#gatheredMessages += batch.count;
  }

  get #isFull(): boolean {
    return this.#gatheredBytes >= this.#batchBytes || this.#gatheredMessages >= this.#batchMessages;
  }

  async #makeRoom(): Promise<void> {
    while (this.#isFull) {
      if (this.#underWay === undefined) this.#send();
      else await this.#orFailure(this.#underWay);
    }
    if (this.#underWay === undefined && this.#gathered.length > 0) {
      this.#linger ??= setTimeout(() => this.#send(), this.#lingerMs);
    }
  }

  async #drain(): Promise<void> {
    while (this.#underWay !== undefined || this.#gathered.length > 0) {
      if (this.#underWay === undefined) this.#send();
      await this.#orFailure(this.#underWay as Promise<void>);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Sends a batch of what is gathered; what it does not take, and what is gathered meanwhile, follows at once. */
  #send(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    const [batch, ...rest] = fitBatches(this.#gathered, this.#batchMessages, this.#batchBytes);
    this.#gathered = rest;
    this.#gatheredBytes = rest.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#gatheredMessages = rest.reduce((sum, { count }) => sum + count, 0);
    this.#underWay = this.#sendBatch(batch as Batch).then(
      () => {
        this.#underWay = undefined;
        if (this.#gathered.length > 0 && this.#failure === undefined) this.#send();
      },
      (error: unknown) => {
        this.#underWay = undefined;
        this.#stop(error);
      },
    );
  }

  /** Pushes a batch; in halves when it is more than the queue takes at once, which is remembered. */
  async #sendBatch(batch: Batch): Promise<void> {
    this.options.signal?.throwIfAborted();
    let pushed: PushBody;
    try {
      pushed = await this.push(batch);
    } catch (error) {
      if (batch.count > 1 && isRoteraError(error, 'push_too_large')) return this.#sendHalves(batch);
      if (batch.count > 1 && isRoteraError(error, 'message_too_large')) return this.#sendUpTo(batch, error);
      throw error;
    }
    const { messages, bytes, first } = this.#result;
    this.#result = {
      messages: messages + batch.count,
      bytes: bytes + batch.bytes,
      first: first ?? pushed.first,
      next: pushed.next,
    };
    this.options.onPush?.(pushed, batch);
  }

  async #sendHalves(batch: Batch): Promise<void> {
    this.#batchBytes = Math.max(1, Math.ceil(batch.bytes / 2));
    this.#batchMessages = Math.ceil(batch.count / 2);
    for (const half of cutBatch(batch, this.#batchMessages, this.#batchBytes)) await this.#sendBatch(half);
  }

  /** The messages in front of one that is too long are not to blame. */
  async #sendUpTo(batch: Batch, error: RoteraError): Promise<void> {
    const most = error.details['maxMessageBytes'];
    const messages = [...messagesOf(batch.records)];
    const index = messages.findIndex((message) => typeof most === 'number' && message.length > most);
    if (index > 0) await this.#sendBatch(batchOf(messages.slice(0, index)));
    throw new RoteraError(
      error.code,
      error.message,
      { ...error.details, message: this.#result.messages },
      { cause: error },
    );
  }
}
