/**
 * A tail as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 */
import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isRoteraError } from '../errors.js';
import { EVENT_STREAM_TYPE } from '../protocol/api.js';
import type { Queue } from '../queue/queue.js';
import type { ReadResult } from '../queue/read.js';
import { queueHeaders } from './answers.js';
import type { Context } from './context.js';
import { whenOver } from './gone.js';
import { messageTexts } from './messages.js';
import { NO_SNIFF } from './problems.js';
import { firstOf } from './signals.js';
import { whenStalled } from './stalled.js';
import { follow, type TailEvent, type TailPlan } from './tail.js';

export const TAIL_URL = '/queues/:queue/tail';

/** How long an EventSource waits before it connects again; ms. */
const RETRY = 'retry: 2000\n';
const DRAINING = 'event: draining\ndata: {}\n\n';

const HEADERS = {
  'content-type': EVENT_STREAM_TYPE,
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
  // The stream ends with its connection: kept alive, it would hold up a server that stops.
  connection: 'close',
} as const;

/** Sends the head of the answer. Headers that hooks have set (CORS) go along. */
export function startEvents(reply: FastifyReply, queue: Queue): void {
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    ...queueHeaders(queue),
    ...HEADERS,
    [NO_SNIFF[0]]: NO_SNIFF[1],
  });
}

/** Whether a request comes from an EventSource, or something like it. */
export const isEventSource = ({ headers, routeOptions, ws }: FastifyRequest): boolean =>
  headers.accept === EVENT_STREAM_TYPE && routeOptions.url === TAIL_URL && !ws;

/** A stream that ends at once: an EventSource comes back after it, where it would give up on an error status. */
export const sendComeBack = (reply: FastifyReply): FastifyReply => reply.headers(HEADERS).send(`${RETRY}\n${DRAINING}`);

/**
 * Before anything is delivered. An EventSource that follows from the end and loses its connection before the first message
 * would come back at another end: so it is told its place, too.
 */
const opening = ({ queue, from, recreated }: TailPlan): string =>
  from < queue.next || recreated !== undefined ? `${RETRY}\n` : `${RETRY}${idLine(queue, from - 1)}\n`;

/** What the client says when it comes back: delivery goes on behind this id, which is -1 where nothing comes before. */
const idLine = ({ epoch }: Queue, id: number): string => `id: ${epoch}:${id}\n`;

/** Runs until the client goes away, the server stops or the queue ends. Never throws. */
export async function tailOverEvents(response: ServerResponse, plan: TailPlan, context: Context): Promise<void> {
  const { queue } = plan;
  const { heartbeatMs, stalledMs } = context.limits;
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  response.on('error', leave);
  whenOver(response, leave);
  const stalled = new AbortController();
  const lost = firstOf([gone.signal, stalled.signal]);
  const { socket } = response.req;
  whenStalled(socket, stalledMs, () => {
    // What is over is yet to be taken as well.
    if (response.writableEnded) socket.destroy();
    else if (response.writableNeedDrain) stalled.abort();
  });
  const write = async (text: string | Buffer): Promise<void> => {
    if (response.write(text)) return;
    await once(response, 'drain', { signal: lost.signal });
  };
  const ended = firstOf([gone.signal, context.stopping]);
  // So that proxies keep the connection, and a dead one is noticed.
  const heartbeat = setInterval(() => response.writableNeedDrain || response.write(':\n\n'), heartbeatMs);
  try {
    await write(opening(plan));
    for await (const event of follow(plan, ended.signal))
      if (event.type !== 'up-to-date') await write(pieceOf(queue, event, context));
    if (context.stopping.aborted) await write(DRAINING);
  } catch (error) {
    // The end of the queue ends the stream: when the client comes back, it is told by a status.
    if (isRoteraError(error, 'draining')) response.write(DRAINING);
    else if (!isRoteraError(error)) {
      if (!gone.signal.aborted) context.metrics.dropped('stalled');
      if (!gone.signal.aborted) context.log.warn({ err: error, queue: queue.name }, 'a tail was cut');
      response.destroy();
    }
  } finally {
    ended.done();
    lost.done();
    clearInterval(heartbeat);
    response.end();
  }
}

type Told = Exclude<TailEvent, { type: 'up-to-date' }>;

function pieceOf(queue: Queue, event: Told, { tails }: Context): string | Buffer {
  if (event.type === 'gap')
    return `event: gap\n${idLine(queue, event.gap.to - 1)}data: ${JSON.stringify(event.gap)}\n\n`;
  return tails.encoded(queue, 'sse', event.result, (result) => events(queue, result));
}

function events(queue: Queue, result: ReadResult): Buffer {
  let text = '';
  for (const slice of result.slices) {
    for (const message of messageTexts(slice)) text += `${idLine(queue, message.id)}data: ${message.text}\n\n`;
  }
  return Buffer.from(text);
}
