/**
 * Read: `GET /queues/{queue}/messages`.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { RoteraError } from '../errors.js';
import type { From } from '../from.js';
import {
  BATCH_TYPE,
  DEFAULT_READ_BYTES,
  DEFAULT_READ_LIMIT,
  JSON_TYPE,
  MAX_READ_LIMIT,
  NDJSON_TYPE,
  readParameters,
} from '../protocol/api.js';
import { checkParameters } from '../protocol/parameters.js';
import type { Queue, ReadOptions, ReadResult } from '../queue/queue.js';
import { negotiate, setQueueHeaders } from './answers.js';
import type { Context, QueueRoute } from './app.js';
import { messagesBatch, messagesLines, readText } from './messages.js';

/** Reads; when there is nothing yet, waits so many seconds for a first message and reads again. */
async function readOrWait(
  queue: Queue,
  options: ReadOptions,
  seconds: number,
  signal: AbortSignal,
): Promise<ReadResult> {
  const result = queue.read(options);
  if (result.count > 0 || seconds === 0 || result.next === options.to) return result;
  // From here on the place is an id, whatever it was called: what comes meanwhile must not move it.
  const from: From = { kind: 'id', id: result.next };
  await queue.waitFor(result.next, AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]));
  const later = queue.read({ ...options, from });
  return later.gap === null ? { ...later, gap: result.gap } : later;
}

/** Aborted when the answer is complete or the client has gone away. */
function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  // Of the response, not of its socket: a connection that is kept alive would collect a listener for every read.
  reply.raw.once('close', () => gone.abort());
  return gone.signal;
}

export function addReadRoutes(app: FastifyInstance, { queues, stopping }: Context): void {
  app.get<QueueRoute>('/queues/:queue/messages', async (request, reply) => {
    const { from, to, limit, maxBytes, wait } = checkParameters(readParameters, request.query);
    const type = negotiate(request, [JSON_TYPE, NDJSON_TYPE, BATCH_TYPE]);
    const most = MAX_READ_LIMIT[type];
    if (limit !== undefined && limit > most) {
      const accepted = `a whole number from 1 to ${most} with Accept: ${type}`;
      throw new RoteraError('bad_parameter', `limit=${limit}: accepted: ${accepted}.`, {
        parameter: 'limit',
        value: limit,
        accepted,
      });
    }
    const queue = queues.get(request.params.queue);
    const options: ReadOptions = {
      from: from ?? { kind: 'oldest' },
      ...(to === undefined ? {} : { to }),
      limit: limit ?? DEFAULT_READ_LIMIT,
      maxBytes: maxBytes ?? DEFAULT_READ_BYTES,
    };
    const signal = AbortSignal.any([stopping, goneSignal(reply)]);
    const result = await readOrWait(queue, options, wait ?? 0, signal);
    setQueueHeaders(reply, queue).header('cache-control', 'no-store').type(type);
    if (type === JSON_TYPE) return reply.send(readText(queue.name, result));
    reply
      .header('rotera-first', result.first)
      .header('rotera-read-next', result.next)
      .header('rotera-up-to-date', String(result.upToDate));
    if (result.gap !== null) reply.header('rotera-gap', `${result.gap.from}-${result.gap.to}`);
    return reply.send(type === NDJSON_TYPE ? messagesLines(result) : messagesBatch(result));
  });
}
