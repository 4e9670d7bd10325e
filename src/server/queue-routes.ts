/**
 * Create and stat: `PUT /queues/{queue}`, `GET /queues/{queue}`, `GET /queues`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { RoteraError } from '../errors.js';
import type { QueueBody, StatBody, UnreadableBody } from '../protocol/answers.js';
import { createFields } from '../protocol/api.js';
import { checkFields, checkParameters } from '../protocol/parameters.js';
import type { Limits } from '../queue/limits.js';
import type { Queue } from '../queue/queue.js';
import { allows } from './access.js';
import { setQueueHeaders } from './answers.js';
import type { Context, QueueRoute } from './context.js';
import { entityTag, queueBody, statBody, unreadableBody } from './stat.js';

/** Longer than any text of the five fields. */
const MAX_CREATE_BYTES = 64 * 1024;

/** Queues that are listed before other work has its turn: each may cost a block that is read and verified, 0.1 ms. */
const QUEUES_AT_ONCE = 10;

const badBody = (reason: string, cause?: unknown): RoteraError =>
  new RoteraError('bad_parameter', `The body ${reason}.`, { parameter: 'body', accepted: 'a JSON object' }, { cause });

/** The body is JSON whatever its content type, so that `curl -X PUT -d` works; none is `{}`. @throws `bad_parameter` */
function createBody(body: unknown): Partial<Limits> {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  if (bytes.length > MAX_CREATE_BYTES) throw badBody(`is longer than ${MAX_CREATE_BYTES} bytes`);
  const text = bytes.toString();
  let fields: unknown;
  try {
    fields = text.trim() === '' ? {} : JSON.parse(text);
  } catch (cause) {
    throw badBody('is not JSON', cause);
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw badBody('is not a JSON object');
  const checked = checkFields(createFields, fields);
  // No field is text, so the strings are the names.
  const names = text.match(/"(?:[^"\\]|\\.)*"/g) ?? [];
  if (names.length > Object.keys(fields).length) throw badBody('has a field more than once');
  return checked;
}

export function addQueueRoutes(app: FastifyInstance, { queues, tails }: Context): void {
  const answer = (reply: FastifyReply, queue: Queue): QueueBody => {
    setQueueHeaders(reply, queue).headers({ etag: entityTag(queue), 'cache-control': 'no-store' });
    return queueBody(queue, tails.count(queue));
  };

  app.put<QueueRoute>('/queues/:queue', { config: { verb: 'create', changes: true } }, async (request, reply) => {
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
    const mayStat = (name: string): boolean => allows(request.token, 'stat', name);
    const listed = new Map<string, StatBody | UnreadableBody>();
    for (const [i, { name }] of queues.all.filter(({ name }) => mayStat(name)).entries()) {
      if (i % QUEUES_AT_ONCE === QUEUES_AT_ONCE - 1) await nextTurn();
      // Another one in the meantime, or none.
      const queue = queues.find(name);
      if (queue !== undefined && queue.ended === undefined)
        listed.set(name, statBody(queue.stat(), tails.count(queue)));
    }
    for (const one of queues.unreadable) if (mayStat(one.queue)) listed.set(one.queue, unreadableBody(one));
    return { queues: [...listed.values()].sort((a, b) => (a.queue < b.queue ? -1 : 1)) };
  });
}
