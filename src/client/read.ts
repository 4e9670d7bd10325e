/**
 * Reading: one answer, or one after the other.
 */
import type { ReadBody } from '../protocol/answers.js';
import { BATCH_TYPE, JSON_TYPE } from '../protocol/api.js';
import { foreignAnswer } from './answered-error.js';
import type { Call, CallOptions, Http } from './http.js';
import { jsonOf } from './json.js';
import { type MessageBatch, messagesOfBodies } from './message.js';

export interface ReadOptions extends CallOptions {
  /** Where to begin: an id, -N (the last N), `oldest`, `next`, a time or an age. Default: the cursor's position, else `oldest`. */
  readonly from?: string | number | undefined;
  /** Exclusive upper id. */
  readonly to?: number | undefined;
  /** Most messages. Default 100; at most 10,000, as records 1,000,000. */
  readonly limit?: number | undefined;
  /** Most payload bytes. Default 1 MiB, at most 16 MiB; one message is returned whatever its size. */
  readonly maxBytes?: number | undefined;
  /** Seconds to wait for a first message, up to 60. */
  readonly wait?: number | undefined;
  /** `fail`: `rotated` instead of a gap. */
  readonly gap?: 'ok' | 'fail' | undefined;
  /** The life of the queue that is meant: `epoch_changed` when it has another. */
  readonly epoch?: string | undefined;
  /** A position kept by the server: its messages, from there on. */
  readonly cursor?: string | undefined;
  /** Moves the cursor behind this id before reading; durable on return. */
  readonly ack?: number | undefined;
  /** Sets a cursor that is there already to `from`. */
  readonly move?: boolean | undefined;
}

/** A piece of a queue as the stored bytes. */
export interface RecordBatch {
  readonly epoch: string;
  readonly first: number;
  /** Where to read from afterwards. */
  readonly next: number;
  readonly upToDate: boolean;
  /** Ids asked for that are no more, `[from, to)`. */
  readonly gap: { readonly from: number; readonly to: number; readonly count: number } | null;
  /** `u32 little-endian length | bytes`, back to back. */
  readonly records: Uint8Array;
}

function request(http: Http, queue: string, { signal, retryMs, ...query }: ReadOptions, accept: string): [URL, Call] {
  const url = http.queueAddress(queue, '/messages', query);
  const waitMs = (query.wait ?? 0) * 1000;
  return [url, { signal, headers: { accept }, waitMs, ...(retryMs === undefined ? {} : { retryMs }) }];
}

export async function readMessages(http: Http, queue: string, options: ReadOptions): Promise<MessageBatch> {
  const answer = await http.call('GET', ...request(http, queue, options, JSON_TYPE));
  const body = jsonOf<ReadBody>(answer, http.url, 'messages');
  const { epoch, first, next, upToDate, gap, messages } = body;
  return { queue, epoch, first, next, upToDate, gap, messages: messagesOfBodies(messages) };
}

export async function readRecords(http: Http, queue: string, options: ReadOptions): Promise<RecordBatch> {
  const answer = await http.call('GET', ...request(http, queue, options, BATCH_TYPE));
  const { header, body } = answer;
  if (header('rotera-read-next') === null) throw foreignAnswer(answer, http.url);
  const gap = /^(\d+)-(\d+)$/
    .exec(header('rotera-gap') ?? '')
    ?.slice(1)
    .map(Number) as [number, number] | undefined;
  return {
    epoch: header('rotera-epoch') ?? '',
    first: Number(header('rotera-first')),
    next: Number(header('rotera-read-next')),
    upToDate: header('rotera-up-to-date') === 'true',
    gap: gap === undefined ? null : { from: gap[0], to: gap[1], count: gap[1] - gap[0] },
    records: body,
  };
}

/** What a page tells of where it lies. */
interface Place {
  readonly epoch: string;
  readonly first: number;
  readonly next: number;
  readonly upToDate: boolean;
}

/**
 * One answer after the other, from `from` on, until `to`, `limit` messages in all, or the end of the queue. All of one life of
 * the queue; a cursor says where the first begins, and is not moved by the others.
 * @param most messages asked for at once
 * @throws `epoch_changed` when the queue is made anew in between
 */
export async function* readOn<T extends Place>(
  read: (options: ReadOptions) => Promise<T>,
  options: ReadOptions,
  most: number,
): AsyncGenerator<T> {
  const { cursor, ack, move, wait, ...further } = options;
  let request = options;
  let left = options.limit ?? Number.MAX_SAFE_INTEGER;
  while (left > 0) {
    const page = await read({ ...request, limit: Math.min(left, most) });
    yield page;
    const { epoch, first, next, upToDate } = page;
    if (upToDate || next === first || next === options.to) return;
    left -= next - first;
    // By id from here on: with a cursor the server would begin each answer where that stands. In another life of the queue the
    // id would mean another message.
    request = { ...further, from: next, epoch };
  }
}
