/**
 * Create and stat: `PUT /queues/{queue}`, `GET /queues/{queue}`, `GET /queues`.
 */
import type { FastifyInstance } from 'fastify';
import { RoteraError } from '../errors.js';
import { createFields } from '../protocol/api.js';
import { checkParameters } from '../protocol/parameters.js';
import type { Limits } from '../queue/retention.js';
import { setQueueHeaders } from './answers.js';
import type { Context, QueueRoute } from './app.js';
import { entityTag, statBody, unreadableBody } from './stat.js';

/** The body is JSON whatever its content type, so that `curl -X PUT -d` works; none is `{}`. */
function createBody(body: unknown): Partial<Limits> {
  const text = Buffer.isBuffer(body) ? body.toString() : '';
  let fields: unknown;
  try {
    fields = text.trim() === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw new RoteraError(
      'bad_parameter',
      'The body is not JSON.',
      { parameter: 'body', accepted: 'a JSON object' },
      { cause },
    );
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new RoteraError('bad_parameter', 'The body is not a JSON object.', {
      parameter: 'body',
      accepted: 'a JSON object',
    });
  }
  return checkParameters(createFields, fields);
}

export function addQueueRoutes(app: FastifyInstance, { queues, tails }: Context): void {
  app.put<QueueRoute>('/queues/:queue', async (request, reply) => {
    checkParameters({}, request.query);
    const { queue, created } = await queues.create(request.params.queue, createBody(request.body));
    if (created) reply.code(201).header('location', `/queues/${queue.name}`);
    setQueueHeaders(reply, queue).header('etag', entityTag(queue)).header('cache-control', 'no-store');
    return statBody(queue.stat(), tails.count(queue));
  });

  app.get<QueueRoute>('/queues/:queue', async (request, reply) => {
    checkParameters({}, request.query);
    const queue = queues.get(request.params.queue);
    setQueueHeaders(reply, queue).header('etag', entityTag(queue)).header('cache-control', 'no-store');
    return statBody(queue.stat(), tails.count(queue));
  });

  app.get('/queues', async (request, reply) => {
    checkParameters({}, request.query);
    reply.header('cache-control', 'no-store');
    const listed = [
      ...queues.all.map((queue) => statBody(queue.stat(), tails.count(queue))),
      ...queues.unreadable.map(unreadableBody),
    ];
    return { queues: listed.sort((a, b) => (a.queue < b.queue ? -1 : 1)) };
  });
}
