/**
 * One push: a batch, whole or not at all, and never twice.
 */
import type { Batch } from '../batch.js';
import { type ErrorCode, isRoteraError, RoteraError } from '../errors.js';
import type { PushBody } from '../protocol/answers.js';
import { BATCH_TYPE } from '../protocol/api.js';
import { type CallOptions, type Http, wasSent } from './http.js';
import { jsonOf } from './json.js';
import { newProducer, type Producer } from './producers.js';

export interface PushOptions extends CallOptions {
  /** Push only if the queue still stands here, as stat, read or a push told; else `next_moved`. */
  readonly ifAt?: { readonly epoch: string; readonly next: number } | undefined;
}

/** After these it is not known whether the push was kept: a write that failed may have reached the disk all the same. */
const UNKNOWN_OUTCOME: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'unreachable',
  'commit_timeout',
  'queue_read_only',
  'internal',
  'not_rotera',
]);

/**
 * Whether one of the tries of a push may have been kept although no answer has said so. A later refusal does not settle that,
 * since it is about the repeat. Only `next_moved` does: a push that was kept is recognised before its condition is looked at.
 */
class Doubt {
  readonly #signal: AbortSignal | undefined;
  #error: unknown;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  get remains(): boolean {
    return this.#error !== undefined;
  }

  /** The same promise, whose error is noted. */
  async about<T>(attempt: Promise<T>): Promise<T> {
    try {
      return await attempt;
    } catch (error) {
      if (this.#isRaisedBy(error)) this.#error = error;
      else if (isRoteraError(error, 'next_moved')) this.#error = undefined;
      throw error;
    }
  }

  #isRaisedBy(error: unknown): boolean {
    // Whoever aborts gives the error as well, so it tells nothing.
    if (this.#signal?.aborted === true || !isRoteraError(error)) return true;
    return (UNKNOWN_OUTCOME.has(error.code) && wasSent(error)) || error.details['outcome'] === 'unknown';
  }

  /** What is thrown in the end: a code that leaves the outcome open, and a text that says so. @param last error of the last try */
  explained(last: unknown): unknown {
    const doubt = this.#error;
    if (this.#signal?.aborted === true || !isRoteraError(doubt) || !isRoteraError(last)) return last;
    const isSame = doubt === last;
    const refusal = isSame ? '.' : `, and the last try was refused: ${last.message}`;
    const text = `${doubt.message} Whether the push was kept is not known${refusal}`;
    const details = { ...doubt.details, outcome: 'unknown', ...(isSame ? {} : { refusal: last.code }) };
    return new RoteraError(doubt.code, text, details, { cause: last });
  }
}

/**
 * Pushes a batch under a producer, again and again until its outcome is known or `retryMs` is over. Durable on return; the
 * producer's `seq` is then that of the next push. `duplicate` tells that an earlier try had been kept. After an error the same
 * batch is to be pushed under the same `seq`: another would be taken for its repeat if it was kept.
 */
export function pushBatch(
  http: Http,
  queue: string,
  batch: Batch,
  producer: Producer,
  options: PushOptions,
): Promise<PushBody> {
  return http.retry(() => send(http, queue, batch, producer, options), options);
}

/**
 * The same under a producer that nobody else knows by name. Whatever comes of it, the producer is fit for another push then:
 * it gets a new name where the old one may stand for this push.
 * @throws with `outcome: 'unknown'` in its details when the push may have been kept
 */
export async function pushBatchAnyhow(
  http: Http,
  queue: string,
  batch: Batch,
  producer: Producer,
  options: PushOptions,
): Promise<PushBody> {
  const doubt = new Doubt(options.signal);
  const attempt = async (): Promise<PushBody> => {
    try {
      return await doubt.about(send(http, queue, batch, producer, options));
    } catch (error) {
      // The server does not know the producer any more: the queue was made anew, or others have crowded it out. As long as
      // nothing of this push is in doubt, it can go under another name.
      if (doubt.remains || producer.seq === 0 || !isRoteraError(error, 'producer_gap')) throw error;
      Object.assign(producer, newProducer());
      return attempt();
    }
  };
  try {
    return await http.retry(attempt, options);
  } catch (error) {
    if (!doubt.remains) throw error;
    Object.assign(producer, newProducer());
    throw doubt.explained(error);
  }
}

/** One attempt. */
async function send(
  http: Http,
  queue: string,
  batch: Batch,
  producer: Producer,
  { signal, ifAt }: PushOptions,
): Promise<PushBody> {
  const url = http.queueAddress(queue, '/messages');
  const headers = {
    'content-type': BATCH_TYPE,
    'producer-id': producer.id,
    'producer-epoch': String(producer.epoch),
    'producer-seq': String(producer.seq),
    ...(ifAt === undefined ? {} : { 'if-match': `"${ifAt.epoch}:${ifAt.next}"` }),
  };
  const answer = await http.attempt('POST', url, { headers, body: batch.records, signal });
  const pushed = jsonOf<PushBody>(answer, http.url, 'duplicate');
  producer.seq++;
  return pushed;
}
