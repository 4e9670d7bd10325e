/**
 * Push: `POST /queues/{queue}/messages`, and as a stream over a WebSocket: `GET /queues/{queue}/push`.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Batch, batchOf, batchOfLines, parseBatch } from '../batch.js';
import { RoteraError } from '../errors.js';
import type { PushBody } from '../protocol/answers.js';
import { BATCH_TYPE, NDJSON_TYPE, producerHeaders, pushSocketParameters } from '../protocol/api.js';
import { checkParameters, type Parameters } from '../protocol/parameters.js';
import type { PushOptions } from '../queue/group.js';
import type { ProducerClaim } from '../queue/producers.js';
import { setQueueHeaders } from './answers.js';
import { giveBodyBack } from './bodies.js';
import type { Context, QueueRoute } from './context.js';
import { wireOf } from './frames.js';
import { pushOverWebSocket } from './push-socket.js';

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

/** Id, epoch and seq: all or none. @throws `bad_parameter` */
function claimOf(
  given: readonly [string | undefined, number | undefined, number | undefined],
  names: Parameters,
): ProducerClaim | undefined {
  const [id, epoch, seq] = given;
  if (id === undefined && epoch === undefined && seq === undefined) return undefined;
  if (id !== undefined && epoch !== undefined && seq !== undefined) return { id, epoch, seq };
  const accepted = `all of ${Object.keys(names).join(', ')}, or none`;
  throw new RoteraError('bad_parameter', `An idempotent push has ${accepted}.`, {
    parameter: Object.keys(names)[0],
    accepted,
  });
}

const PRODUCER_HEADERS = Object.keys(producerHeaders).map((name) => [name, name.toLowerCase()] as const);

function producerOf({ headers }: FastifyRequest): ProducerClaim | undefined {
  const given: Record<string, unknown> = {};
  for (const [name, key] of PRODUCER_HEADERS) if (headers[key] !== undefined) given[name] = headers[key];
  const checked = checkParameters(producerHeaders, given);
  return claimOf([checked['Producer-Id'], checked['Producer-Epoch'], checked['Producer-Seq']], producerHeaders);
}

/** `"EPOCH:NEXT"`, the entity tag of stat. @throws `bad_parameter` */
function conditionOf({ headers }: FastifyRequest): PushOptions['ifMatch'] {
  const value = headers['if-match'];
  if (value === undefined) return undefined;
  const match = /^"([A-Za-z0-9_-]{1,64}):(\d{1,16})"$/.exec(value);
  if (match !== null) return { epoch: match[1] as string, next: Number(match[2]) };
  const accepted = 'one entity tag as stat gives it, "EPOCH:NEXT"';
  throw new RoteraError('bad_parameter', `If-Match: accepted: ${accepted}.`, {
    parameter: 'If-Match',
    value,
    accepted,
  });
}

export function addPushRoutes(app: FastifyInstance, context: Context): void {
  const { queues, tracing } = context;
  app.post<QueueRoute>(
    '/queues/:queue/messages',
    { config: { verb: 'push', changes: true } },
    async (request, reply): Promise<PushBody> => {
      checkParameters({}, request.query);
      const queue = queues.get(request.params.queue);
      const producer = producerOf(request);
      const ifMatch = conditionOf(request);
      const batch = batchOfBody(request.headers['content-type'], request.body);
      const options = {
        ...(producer === undefined ? {} : { producer }),
        ...(ifMatch === undefined ? {} : { ifMatch }),
      };
      const pushed = tracing?.push(request.headers, queue, batch, options) ?? queue.push(batch, options);
      try {
        const { epoch, first, next, duplicate } = await pushed;
        setQueueHeaders(reply, queue);
        return { queue: queue.name, epoch, first, next, duplicate };
      } finally {
        giveBodyBack(request);
      }
    },
  );

  app.route<QueueRoute>({
    method: 'GET',
    url: '/queues/:queue/push',
    config: { verb: 'push', socket: true },
    // Checked before the upgrade, so that a refusal is a plain HTTP answer.
    preValidation: async (request) => {
      queues.get(request.params.queue);
      socketClaim(request);
    },
    handler: async () => {
      throw new RoteraError('upgrade_required', 'Connect here with a WebSocket, or POST to …/messages.');
    },
    wsHandler: (socket, request) =>
      pushOverWebSocket(
        socket,
        wireOf(socket),
        queues.get((request.params as QueueRoute['Params']).queue),
        socketClaim(request),
        { headers: request.headers, context },
      ),
  });
}

function socketClaim(request: FastifyRequest): ProducerClaim | undefined {
  const { producerId, producerEpoch, producerSeq } = checkParameters(pushSocketParameters, request.query);
  return claimOf([producerId, producerEpoch, producerSeq], pushSocketParameters);
}
