/**
 * Push: `POST /queues/{queue}/messages`.
 */
import type { FastifyInstance } from 'fastify';
import { type Batch, batchOf, batchOfLines, parseBatch } from '../batch.js';
import { RoteraError } from '../errors.js';
import type { PushBody } from '../protocol/answers.js';
import { BATCH_TYPE, NDJSON_TYPE } from '../protocol/api.js';
import { checkParameters } from '../protocol/parameters.js';
import { setQueueHeaders } from './answers.js';
import type { Context, QueueRoute } from './app.js';

/** What the body is, is said by its content type. @throws `empty_body`, `empty_batch`, `malformed_batch`, `push_too_large` */
function batchOfBody(contentType: string | undefined, body: unknown): Batch {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  if (type === BATCH_TYPE) return parseBatch(bytes);
  if (type === NDJSON_TYPE) return batchOfLines(bytes);
  if (bytes.length === 0)
    throw new RoteraError('empty_body', 'The body is empty: a message has at least one byte here.');
  return batchOf([bytes]);
}

export function addPushRoutes(app: FastifyInstance, { queues }: Context): void {
  app.post<QueueRoute>('/queues/:queue/messages', async (request, reply): Promise<PushBody> => {
    checkParameters({}, request.query);
    const queue = queues.get(request.params.queue);
    const { epoch, first, next, duplicate } = await queue.push(
      batchOfBody(request.headers['content-type'], request.body),
    );
    setQueueHeaders(reply, queue);
    return { queue: queue.name, epoch, first, next, duplicate };
  });
}
