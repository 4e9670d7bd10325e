/**
 * Create and stat: `PUT /queues/{queue}`, `GET /queues/{queue}`, `GET /queues`.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { RoteraError } from '../errors.js';
import type { StatBody, UnreadableBody } from '../protocol/answers.js';
import { createFields, JSON_TYPE } from '../protocol/api.js';
import { checkFields, checkParameters } from '../protocol/parameters.js';
import type { Limits } from '../queue/limits.js';
import type { Queues } from '../queue/queues.js';
import { allows } from './access.js';
import { setQueueHeaders } from './answers.js';
import type { Context, QueueRoute } from './context.js';
import { Line } from './line.js';
import { entityTag, queueBody, statBody, unreadableBody } from './stat.js';
import type { Tails } from './tails.js';

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

export function addQueueRoutes(app: FastifyInstance, { queues, tails, unsent }: Context): void {
  const answer = async (reply: FastifyReply, name: string): Promise<FastifyReply> => {
    const text = await unsent.make(reply, () => {
      const queue = queues.get(name);
      setQueueHeaders(reply, queue).headers({ etag: entityTag(queue), 'cache-control': 'no-store' });
      return JSON.stringify(queueBody(queue, tails.count(queue)));
    });
    return unsent.send(reply.type(JSON_TYPE), text);
  };

  app.put<QueueRoute>('/queues/:queue', { config: { verb: 'create', changes: true } }, async (request, reply) => {
    checkParameters({}, request.query);
    const { queue, created } = await queues.create(request.params.queue, createBody(request.body));
    if (created) reply.code(201).header('location', `/queues/${queue.name}`);
    return answer(reply, queue.name);
  });

  app.get<QueueRoute>('/queues/:queue', { config: { verb: 'stat' }, exposeHeadRoute: true }, async (request, reply) => {
    checkParameters({}, request.query);
    return answer(reply, request.params.queue);
  });

  // The list shows what the token may stat: so it is open to every token.
  const inLine = new Line();
  app.get('/queues', { config: {}, exposeHeadRoute: true }, async (request, reply) => {
    checkParameters({}, request.query);
    reply.header('cache-control', 'no-store');
    const mayStat = (name: string): boolean => allows(request.token, 'stat', name);
    // Of those who left before their turn, nobody takes it.
    const listed = await inLine.run(async () => (request.raw.socket.destroyed ? [] : list(queues, tails, mayStat)));
    return unsent.send(reply.type(JSON_TYPE), await unsent.make(reply, () => JSON.stringify({ queues: listed })));
  });
}

/** How each queue stands that is shown, in their order; what is gone meanwhile is left out. */
async function list(
  queues: Queues,
  tails: Tails,
  isShown: (name: string) => boolean,
): Promise<Array<StatBody | UnreadableBody>> {
  const listed = new Map<string, StatBody | UnreadableBody>();
  for (const [i, { name }] of queues.all.filter(({ name }) => isShown(name)).entries()) {
    if (i % QUEUES_AT_ONCE === 0) await nextTurn();
    // Another one in the meantime, or none.
    const queue = queues.find(name);
    if (queue !== undefined && queue.ended === undefined) listed.set(name, statBody(queue.stat(), tails.count(queue)));
  }
  for (const one of queues.unreadable) if (isShown(one.queue)) listed.set(one.queue, unreadableBody(one));
  return [...listed.values()].sort((a, b) => (a.queue < b.queue ? -1 : 1));
}
