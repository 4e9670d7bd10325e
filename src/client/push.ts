/**
 * One push: a batch, whole or not at all, and never twice.
 */
import type { Batch } from '../batch.js';
import { type ErrorCode, isRoteraError } from '../errors.js';
import type { PushBody } from '../protocol/answers.js';
import { BATCH_TYPE } from '../protocol/api.js';
import type { CallOptions, Http } from './http.js';
import { jsonOf } from './json.js';
import { newProducer, type Producer } from './producers.js';
import { queuePath } from './queue-path.js';

export interface PushOptions extends CallOptions {
  /** Push only if the queue still stands here, as stat, read or a push told; else `next_moved`. */
  readonly ifAt?: { readonly epoch: string; readonly next: number } | undefined;
}

/** After these it is not known whether the push was kept. */
const UNKNOWN_OUTCOME: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'unreachable',
  'commit_timeout',
  'internal',
  'not_rotera',
]);

/** Whether the server has said that it did not keep the push. */
export const isRefusal = (error: unknown): boolean => isRoteraError(error) && !UNKNOWN_OUTCOME.has(error.code);

/**
 * Pushes a batch under a producer, again and again until its outcome is known or `retryMs` is over. Durable on return; the
 * producer's `seq` is then that of the next push. `duplicate` tells that an earlier try had been kept.
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

/** The same under a producer that nobody else knows by name. */
export function pushBatchAnyhow(
  http: Http,
  queue: string,
  batch: Batch,
  producer: Producer,
  options: PushOptions,
): Promise<PushBody> {
  const attempt = async (tries: number): Promise<PushBody> => {
    try {
      return await send(http, queue, batch, producer, options);
    } catch (error) {
      // The server does not know the producer any more: the queue was made anew, or others have crowded it out. As long as
      // nothing of this push is in doubt, it can go under another name.
      if (tries > 0 || !isRoteraError(error, 'producer_gap')) throw error;
      Object.assign(producer, newProducer());
      return send(http, queue, batch, producer, options);
    }
  };
  return http.retry(attempt, options);
}

/** One attempt. */
async function send(
  http: Http,
  queue: string,
  batch: Batch,
  producer: Producer,
  { signal, ifAt }: PushOptions,
): Promise<PushBody> {
  const url = http.address(`${queuePath(queue)}/messages`);
  const headers = {
    'content-type': BATCH_TYPE,
    'producer-id': producer.id,
    'producer-epoch': String(producer.epoch),
    'producer-seq': String(producer.seq),
    ...(ifAt === undefined ? {} : { 'if-match': `"${ifAt.epoch}:${ifAt.next}"` }),
  };
  const pushed = jsonOf<PushBody>(await http.attempt('POST', url, { headers, body: batch.records, signal }), http.url);
  producer.seq++;
  return pushed;
}
