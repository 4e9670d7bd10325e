/**
 * The client: the five operations, typed. Used by the command line, by the tests and by anyone's program.
 */
import { type Batch, batchOf } from '../batch.js';
import type { ListBody, PushBody, QueueBody, StatBody } from '../protocol/answers.js';
import { type CallOptions, type ConnectOptions, Http } from './http.js';
import { jsonOf } from './json.js';
import { bytesOfPushable, type MessageBatch, type Pushable } from './message.js';
import { newProducer, type Producer, Producers } from './producers.js';
import { type PushOptions, pushBatch, pushBatchAnyhow } from './push.js';
import { PushStream, type Streamable, type StreamOptions, type StreamResult } from './push-stream.js';
import { type ReadOptions, type RecordBatch, readMessages, readOn, readRecords } from './read.js';
import { type TailBatch, type TailOptions, tail } from './tail.js';
import type { Transport } from './transport.js';

/** Limits of a queue to create; what is left out gets the server's default. */
export interface CreateLimits {
  readonly maxMessages?: number;
  /** Payload bytes. */
  readonly maxBytes?: number;
  readonly maxAgeSeconds?: number | null;
  readonly maxMessageBytes?: number;
  /** Whether the file's whole room is allocated now. */
  readonly reserve?: boolean;
}

/** Most messages a paged read asks for at once. */
const PAGE_MESSAGES = 10_000;

/**
 * A client of one server. Every request is repeated while the server is away or asks for patience (see `retryMs`), a push
 * never stores twice, and every call takes a `signal`. Errors are RoteraErrors with the contract's codes.
 */
export class RoteraClient {
  readonly #http: Http;
  readonly #producers = new Producers();

  /** Use `connect`, which brings the transport. @throws `bad_parameter` when the address is none */
  constructor(transport: Transport, options: ConnectOptions = {}) {
    this.#http = new Http(transport, options);
  }

  /** Address of the server. */
  get url(): string {
    return this.#http.url.href.replace(/\/$/, '');
  }

  /** Makes a queue, or finds it when it is there with the same limits. Durable on return. @throws `config_mismatch`, `disk_full` */
  async create(queue: string, limits: CreateLimits = {}, options: CallOptions = {}): Promise<StatBody> {
    const call = { ...options, body: JSON.stringify(limits) };
    return this.#json<StatBody>('PUT', this.#http.queueAddress(queue), 'epoch', call);
  }

  /**
   * Appends one message, or several as one push: all of them or none, with consecutive ids. Durable on return; repeated until
   * the outcome is known, and never kept twice.
   * @throws what the server refuses; with `outcome: 'unknown'` in its details when the push may have been kept
   */
  push(queue: string, messages: Pushable | readonly Pushable[] | Batch, options?: PushOptions): Promise<PushBody>;
  /**
   * Appends a stream, in batches and in order: see {@link StreamOptions}. Constant in memory, however long the stream.
   * @throws what a push or the stream throws; `onPush` has told what was acknowledged before
   */
  push(
    queue: string,
    messages: AsyncIterable<Streamable>,
    options?: StreamOptions & CallOptions,
  ): Promise<StreamResult>;
  async push(
    queue: string,
    messages: Pushable | readonly Pushable[] | Batch | AsyncIterable<Streamable>,
    options: PushOptions & StreamOptions = {},
  ): Promise<PushBody | StreamResult> {
    if (typeof messages === 'object' && Symbol.asyncIterator in messages) {
      // One after the other, so one producer is enough for all of them.
      const producer = newProducer();
      const push = (batch: Batch): Promise<PushBody> => pushBatchAnyhow(this.#http, queue, batch, producer, options);
      return new PushStream(push, options).run(messages);
    }
    return this.#pushOnce(queue, batchOfGiven(messages), options);
  }

  /** The same for a batch under a producer of the caller's own, whose `seq` goes up by one. */
  pushAs(producer: Producer, queue: string, batch: Batch, options: PushOptions = {}): Promise<PushBody> {
    return pushBatch(this.#http, queue, batch, producer, options);
  }

  /** One answer's worth of messages. */
  read(queue: string, options: ReadOptions = {}): Promise<MessageBatch> {
    return readMessages(this.#http, queue, options);
  }

  /** The same as the stored bytes, without a look at each message, and without times. */
  readRecords(queue: string, options: ReadOptions = {}): Promise<RecordBatch> {
    return readRecords(this.#http, queue, options);
  }

  /**
   * Reads on, answer after answer, until `to`, `limit` messages in all, or the end of the queue. A `cursor` says where to begin,
   * and stays there until an `ack`.
   * @throws `epoch_changed` when the queue is made anew in between
   */
  pages(queue: string, options: ReadOptions = {}): AsyncGenerator<MessageBatch> {
    return readOn((page) => this.read(queue, page), options, PAGE_MESSAGES);
  }

  /** Follows a queue, for ever: over lost connections, restarts, and queues made anew. Ends when `signal` aborts. */
  tail(queue: string, options: TailOptions = {}): AsyncGenerator<TailBatch> {
    return tail(this.#http, queue, options);
  }

  /** Moves a cursor behind `id`, as a tail's `ack` does. Durable on return; only ever forwards. */
  async ack(queue: string, cursor: string, id: number, options: CallOptions & { epoch?: string } = {}): Promise<void> {
    await this.readRecords(queue, { ...options, cursor, ack: id, limit: 1, maxBytes: 1 });
  }

  /** How a queue stands, with its cursors. */
  async stat(queue: string, options: CallOptions = {}): Promise<QueueBody> {
    return this.#json<QueueBody>('GET', this.#http.queueAddress(queue), 'epoch', options);
  }

  /** The stat of every queue, sorted by name. */
  list(options: CallOptions = {}): Promise<ListBody> {
    return this.#json<ListBody>('GET', this.#http.address('/queues'), 'queues', options);
  }

  /** Ends the connections that are kept between requests. Tails end by their own signals. */
  close(): Promise<void> {
    return this.#http.close();
  }

  async #pushOnce(queue: string, batch: Batch, options: PushOptions): Promise<PushBody> {
    const producer = this.#producers.borrow(queue);
    try {
      return await pushBatchAnyhow(this.#http, queue, batch, producer, options);
    } finally {
      this.#producers.giveBack(queue, producer);
    }
  }

  async #json<T extends object>(
    method: string,
    url: URL,
    member: keyof T & string,
    call: CallOptions & { body?: string },
  ): Promise<T> {
    return jsonOf<T>(await this.#http.call(method, url, call), this.#http.url, member);
  }
}

function batchOfGiven(messages: Pushable | readonly Pushable[] | Batch): Batch {
  if (typeof messages === 'string' || messages instanceof Uint8Array) return batchOf([bytesOfPushable(messages)]);
  return 'records' in messages ? messages : batchOf(messages.map(bytesOfPushable));
}
