/**
 * Create and stat: `PUT /queues/{queue}`, `GET /queues/{queue}`, `GET /queues`.
 */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { RoteraError } from '../errors.js';
import type { QueueBody } from '../protocol/answers.js';
import { createFields } from '../protocol/api.js';
import { checkParameters } from '../protocol/parameters.js';
import type { Queue } from '../queue/queue.js';
import type { Limits } from '../queue/retention.js';
import { allows } from './access.js';
import { setQueueHeaders } from './answers.js';
import type { Context, QueueRoute } from './context.js';
import { entityTag, queueBody, statBody, unreadableBody } from './stat.js';

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

export function addQueueRoutes(app: FastifyInstance, { queues, tails, stopping }: Context): void {
  const answer = (reply: FastifyReply, queue: Queue): QueueBody => {
    setQueueHeaders(reply, queue).headers({ etag: entityTag(queue), 'cache-control': 'no-store' });
    return queueBody(queue, tails.count(queue));
  };

  app.put<QueueRoute>('/queues/:queue', { config: { verb: 'create', changes: true } }, async (request, reply) => {
    if (stopping.aborted) throw new RoteraError('draining', 'The server is stopping.');
    checkParameters({}, request.query);
    const { queue, created } = await queues.create(request.params.queue, createBody(request.body));
    if (created) reply.code(201).header('location', `/queues/${queue.name}`);
    return answer(reply, queue);
  });

  app.get<QueueRoute>('/queues/:queue', { config: { verb: 'stat' }, exposeHeadRoute: true }, async (request, reply) => {
    checkParameters({}, request.query);
    return answer(reply, queues.get(request.params.queue));
  });

  // The list shows what the token may stat: so it is open to every token.
  app.get('/queues', { config: {}, exposeHeadRoute: true }, async (request, reply) => {
    checkParameters({}, request.query);
    reply.header('cache-control', 'no-store');
    const listed = [
      ...queues.all.map((queue) => statBody(queue.stat(), tails.count(queue))),
      ...queues.unreadable.map(unreadableBody),
    ].filter(({ queue }) => allows(request.token, 'stat', queue));
    return { queues: listed.sort((a, b) => (a.queue < b.queue ? -1 : 1)) };
  });
}
