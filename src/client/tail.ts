/**
 * A tail that goes on: over lost connections, restarts of the server, and queues that are made anew.
 */
import { isRoteraError } from '../errors.js';
import type { GapBody } from '../protocol/answers.js';
import { BATCH_PROTOCOL } from '../protocol/api.js';
import { problemError } from './answered-error.js';
import type { Http } from './http.js';
import type { Message, MessageBatch } from './message.js';
import { readRecords } from './read.js';
import { isTransient } from './retry.js';
import { type Frame, TailConnection } from './tail-connection.js';

export interface TailOptions {
  /** Where to begin: an id, -N (the last N), `oldest`, `next`, a time or an age. Default: the cursor's position, `oldest` for a new one; without a cursor `next`. */
  readonly from?: string | number | undefined;
  /** A position kept by the server. It moves by `ack` only: what is not acknowledged comes again in the next tail. */
  readonly cursor?: string | undefined;
  /** With a cursor: how many messages may be on their way without an ack. Default 1,000. */
  readonly window?: number | undefined;
  /** `fail`: `rotated` instead of a gap. */
  readonly gap?: 'ok' | 'fail' | undefined;
  /** Ends the tail: the iteration is over. */
  readonly signal?: AbortSignal | undefined;
  /** How long to try for a first connection, in ms; instead of the client's own. */
  readonly retryMs?: number | undefined;
}

/** How long the end of a tail may take to make its last ack certain. */
const CONFIRM_MS = 2000;

/** What opens but gives nothing and ends sooner than this, in ms, is not connected again at once: it would go round and round. */
const SHORT_MS = 5000;

/** A batch may be empty: then it tells a gap, or that all there is has been given. */
export interface TailBatch extends MessageBatch {
  /**
   * Moves the cursor behind a message of this batch; behind all of them when none is named. Sent at once, and again after a
   * reconnect; it is durable when the tail has ended and the server was there to hear it.
   */
  readonly ack: (id?: number) => void;
}

/**
 * Messages as they become durable, for ever. Each is given once and in order, over any number of connections; what is no
 * more is told as the gap of a batch. A connection that was open once is made again for ever.
 * @throws what the server refuses, as `queue_not_found`; `unreachable` when there never was a connection
 */
export async function* tail(http: Http, queue: string, options: TailOptions): AsyncGenerator<TailBatch> {
  const position = new Position(queue, options);
  const { signal } = options;
  let fruitless = 0;
  try {
    while (signal?.aborted !== true) {
      const connection = await connect(http, position, options);
      if (connection === undefined) return;
      const opened = { at: http.now, next: position.next };
      const abort = (): void => connection.terminate();
      signal?.addEventListener('abort', abort, { once: true });
      try {
        if (position.isAnew) yield position.batch({ gap: position.takeRecreated() });
        yield* deliver(connection, position, options);
      } finally {
        signal?.removeEventListener('abort', abort);
        await connection.close();
      }
      const wasOfUse = position.next !== opened.next || http.now - opened.at >= SHORT_MS;
      fruitless = wasOfUse ? 0 : fruitless + 1;
      if (fruitless > 0) await http.pause(fruitless, signal);
    }
  } finally {
    await confirmAcks(http, position);
  }
}

/** An ack over the socket is not answered: at the end the last one is said once more in a way that is. */
async function confirmAcks(http: Http, { queue, epoch, acked, options: { cursor } }: Position): Promise<void> {
  if (acked === undefined) return;
  try {
    const signal = AbortSignal.timeout(CONFIRM_MS);
    await readRecords(http, queue, { cursor, epoch, ack: acked, limit: 1, maxBytes: 1, retryMs: 0, signal });
  } catch {
    // Then it is not known whether it arrived: at worst, what it was for comes again, as promised.
  }
}

/**
 * The last ack may have been lost with the connection before. It comes ahead of the next tail: else messages that were dealt
 * with, and are gone meanwhile, would count as missed.
 */
async function ackAgain(http: Http, position: Position, signal?: AbortSignal): Promise<void> {
  const { queue, epoch, acked, options } = position;
  if (acked === undefined || options.cursor === undefined) return;
  try {
    const ack = { cursor: options.cursor, epoch, ack: acked, limit: 1, maxBytes: 1, retryMs: 0, signal };
    await readRecords(http, queue, ack);
  } catch (error) {
    // What is refused, the tail will be told as well.
    if (isTransient(error)) throw error;
  }
}

/** Where a tail stands, whatever happens to its connections. */
class Position {
  epoch: string | undefined;
  /** The id wanted next; unknown until the first connection. */
  next: number | undefined;
  acked: number | undefined;
  connection: TailConnection | undefined;
  #recreatedAt: number | undefined;

  constructor(
    readonly queue: string,
    readonly options: TailOptions,
  ) {}

  get query(): object {
    const { cursor, window, gap, from } = this.options;
    const place = this.isAnew ? 'oldest' : (this.next ?? from);
    return { from: place, cursor, window, gap, epoch: this.epoch };
  }

  /** The queue was made anew: ids begin again, from the oldest. */
  begin(): void {
    this.#recreatedAt = this.next ?? 0;
    this.epoch = undefined;
    this.acked = undefined;
  }

  get isAnew(): boolean {
    return this.#recreatedAt !== undefined;
  }

  takeRecreated(): GapBody {
    const from = this.#recreatedAt ?? 0;
    this.#recreatedAt = undefined;
    const to = this.next ?? 0;
    return { from, to, count: null, reason: 'recreated' };
  }

  batch(facts: { messages?: readonly Message[]; gap?: GapBody; upToDate?: boolean }): TailBatch {
    const { messages = [], gap = null, upToDate = false } = facts;
    const first = messages[0]?.id ?? this.next ?? 0;
    const next = first + messages.length;
    this.next = next;
    const { queue, epoch = '' } = this;
    const ack = (id = next - 1): void => this.#ack(epoch, id);
    return { queue, epoch, first, next, gap, upToDate, messages, ack };
  }

  #ack(epoch: string, id: number): void {
    if (epoch !== this.epoch || id < 0 || id <= (this.acked ?? -1)) return;
    this.acked = id;
    this.connection?.send({ type: 'ack', id });
  }
}

/** An open connection at the position; undefined when the signal ended the tail. */
async function connect(http: Http, position: Position, options: TailOptions): Promise<TailConnection | undefined> {
  const { signal, retryMs } = options;
  // Once open, for ever: a server that goes away comes back.
  const patience = position.next === undefined ? retryMs : Number.POSITIVE_INFINITY;
  try {
    return await http.retry(() => connectOnce(http, position, signal), { retryMs: patience, signal });
  } catch (error) {
    if (signal?.aborted === true) return undefined;
    throw error;
  }
}

async function connectOnce(http: Http, position: Position, signal?: AbortSignal): Promise<TailConnection> {
  const url = http.queueAddress(position.queue, '/tail', position.query);
  const request = { url, protocol: BATCH_PROTOCOL, token: http.token };
  try {
    await ackAgain(http, position, signal);
    const { connection, open } = await TailConnection.open(http.transport, request, signal);
    http.hasAnswered();
    if (position.isAnew) position.next = open.from;
    position.next ??= open.from;
    position.epoch = open.epoch;
    position.connection = connection;
    // Perhaps the cursor was not there before.
    if (position.acked !== undefined) connection.send({ type: 'ack', id: position.acked });
    return connection;
  } catch (error) {
    if (!isRoteraError(error, 'epoch_changed')) throw error;
    position.begin();
    return connectOnce(http, position, signal);
  }
}

/** What one connection brings, until it ends in a way that another may mend. @throws what no other connection would mend */
async function* deliver(
  connection: TailConnection,
  position: Position,
  { signal }: TailOptions,
): AsyncGenerator<TailBatch> {
  // Asked first as well: the signal may have aborted before it was listened to.
  const isEnded = (): boolean => signal?.aborted === true;
  while (!isEnded()) {
    const frame = await connection.next();
    if (frame === undefined || isEnded()) return;
    if (frame.type === 'error') {
      const error = problemError(frame);
      if (isTransient(error) || isRoteraError(error, 'epoch_changed')) return;
      throw error;
    }
    const batch = batchOfFrame(frame, position);
    if (batch !== undefined) yield batch;
  }
}

function batchOfFrame(frame: Frame, position: Position): TailBatch | undefined {
  switch (frame.type) {
    case 'messages': {
      // A cursor's connection begins with what is not acknowledged: some of that was given already.
      const messages = frame.messages.filter(({ id }) => id >= (position.next as number));
      return messages.length === 0 ? undefined : position.batch({ messages });
    }
    case 'gap': {
      const { to, count, reason } = frame;
      const next = position.next as number;
      if (to <= next) return undefined;
      // The part of it that was given by the connection before is not missed.
      const from = Math.max(frame.from, next);
      position.next = to;
      return position.batch({ gap: { from, to, count: count === null ? null : to - from, reason } });
    }
    case 'up-to-date':
      return position.batch({ upToDate: true });
    default:
      // `draining`: the close that follows says the rest. Anything else is a newer server's.
      return undefined;
  }
}
