/**
 * Tail: `GET /queues/{queue}/tail`, as a WebSocket when the client upgrades, else as server-sent events.
 */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { WebSocket } from 'ws';
import { RoteraError } from '../errors.js';
import type { From } from '../from.js';
import { EVENT_STREAM_TYPE, tailParameters } from '../protocol/api.js';
import { checkParameters } from '../protocol/parameters.js';
import { resolveFrom } from '../queue/position.js';
import type { Queue } from '../queue/queue.js';
import type { Context, QueueRoute } from './app.js';
import { messagesArray, messageTexts } from './messages.js';
import { follow } from './tail.js';

/** A comment or ping is sent after so long without anything else, so that proxies keep the connection. */
const HEARTBEAT_MS = 15_000;
/** How long an EventSource waits before it connects again. */
const RETRY_MS = 2000;
/** WebSocket close codes: RFC 6455, section 7.4.1. */
const GOING_AWAY = 1001;
const INTERNAL_ERROR = 1011;
const NORMAL = 1000;

/** What a tail asks for, checked before any upgrade, so that a refusal is a plain HTTP answer. */
function tailRequest(request: FastifyRequest<QueueRoute>, { queues }: Context): { queue: Queue; from: From } {
  const { from = { kind: 'next' } } = checkParameters(tailParameters, request.query);
  const queue = queues.get(request.params.queue);
  const id = resolveFrom(from, queue);
  if (id > queue.next) {
    throw new RoteraError(
      'beyond_end',
      `from=${id} lies beyond the end: the next message will get the id ${queue.next}.`,
      {
        next: queue.next,
      },
    );
  }
  return { queue, from: { kind: 'id', id } };
}

/** Resolves when the socket has taken the frame. */
function send(socket: WebSocket, frame: string): Promise<void> {
  return new Promise((resolve, reject) => socket.send(frame, (error) => (error ? reject(error) : resolve())));
}

async function tailOverWebSocket(socket: WebSocket, queue: Queue, from: From, context: Context): Promise<void> {
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  socket.on('error', () => gone.abort());
  const done = context.tails.add(queue);
  const heartbeat = setInterval(() => socket.ping(), HEARTBEAT_MS);
  try {
    const { epoch, oldest, next } = queue;
    const open = { type: 'open', queue: queue.name, epoch, oldest, next, from: resolveFrom(from, queue) };
    await send(socket, JSON.stringify(open));
    for await (const event of follow(queue, from, AbortSignal.any([gone.signal, context.stopping]))) {
      if (event.type === 'messages')
        await send(socket, `{"type":"messages","messages":${messagesArray(event.result)}}`);
      else if (event.type === 'gap') await send(socket, JSON.stringify({ type: 'gap', ...event.gap }));
      else await send(socket, JSON.stringify(event));
    }
    if (context.stopping.aborted) {
      await send(socket, '{"type":"draining"}');
      socket.close(GOING_AWAY, 'draining');
    } else socket.close(NORMAL);
  } catch (error) {
    if (gone.signal.aborted) return;
    context.log.error({ err: error, queue: queue.name }, 'a tail failed');
    socket.close(INTERNAL_ERROR);
  } finally {
    clearInterval(heartbeat);
    done();
  }
}

async function tailOverEvents(response: ServerResponse, queue: Queue, from: From, context: Context): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.on('error', () => gone.abort());
  const done = context.tails.add(queue);
  const write = async (text: string): Promise<void> => {
    if (!response.write(text)) await once(response, 'drain', { signal: gone.signal });
  };
  const heartbeat = setInterval(() => response.write(':\n\n'), HEARTBEAT_MS);
  try {
    await write(`retry: ${RETRY_MS}\n\n`);
    for await (const event of follow(queue, from, AbortSignal.any([gone.signal, context.stopping]))) {
      if (event.type === 'gap') await write(`event: gap\ndata: ${JSON.stringify(event.gap)}\n\n`);
      if (event.type !== 'messages') continue;
      let text = '';
      for (const slice of event.result.slices) {
        for (const message of messageTexts(slice))
          text += `id: ${queue.epoch}:${message.id}\ndata: ${message.text}\n\n`;
      }
      await write(text);
    }
    if (context.stopping.aborted) await write('event: draining\ndata: {}\n\n');
  } catch (error) {
    if (!gone.signal.aborted) context.log.error({ err: error, queue: queue.name }, 'a tail failed');
  } finally {
    clearInterval(heartbeat);
    done();
    response.end();
  }
}

export function addTailRoutes(app: FastifyInstance, context: Context): void {
  const wanted = new WeakMap<FastifyRequest, { queue: Queue; from: From }>();
  const check = async (request: FastifyRequest): Promise<void> => {
    wanted.set(request, tailRequest(request as FastifyRequest<QueueRoute>, context));
  };
  app.route<QueueRoute>({
    method: 'GET',
    url: '/queues/:queue/tail',
    // A stream without a body has no end that anybody would see.
    exposeHeadRoute: false,
    preValidation: check,
    handler: (request, reply) => {
      const { queue, from } = wanted.get(request) as { queue: Queue; from: From };
      reply.hijack();
      reply.raw.writeHead(200, {
        'content-type': EVENT_STREAM_TYPE,
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
        // The stream ends with its connection: kept alive, it would hold up a server that stops.
        connection: 'close',
        'x-content-type-options': 'nosniff',
        'rotera-epoch': queue.epoch,
        'rotera-oldest': queue.oldest,
        'rotera-next': queue.next,
      });
      void tailOverEvents(reply.raw, queue, from, context);
    },
    wsHandler: (socket, request) => {
      const { queue, from } = wanted.get(request) as { queue: Queue; from: From };
      void tailOverWebSocket(socket, queue, from, context);
    },
  });
}
