/**
 * A tail as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 */
import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { isRoteraError } from '../errors.js';
import { EVENT_STREAM_TYPE } from '../protocol/api.js';
import type { Queue } from '../queue/queue.js';
import type { ReadResult } from '../queue/read.js';
import { queueHeaders } from './answers.js';
import type { Context } from './context.js';
import { messageTexts } from './messages.js';
import { NO_SNIFF } from './problems.js';
import { firstOf } from './signals.js';
import { follow, type TailEvent, type TailPlan } from './tail.js';

/** How long an EventSource waits before it connects again. */
const RETRY_MS = 2000;
const DRAINING = 'event: draining\ndata: {}\n\n';

/** Sends the head of the answer. Headers that hooks have set (CORS) go along. */
export function startEvents(reply: FastifyReply, queue: Queue): void {
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    ...queueHeaders(queue),
    'content-type': EVENT_STREAM_TYPE,
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    // The stream ends with its connection: kept alive, it would hold up a server that stops.
    connection: 'close',
    [NO_SNIFF[0]]: NO_SNIFF[1],
  });
}

/** Runs until the client goes away, the server stops or the queue ends. Never throws. */
export async function tailOverEvents(response: ServerResponse, plan: TailPlan, context: Context): Promise<void> {
  const { queue } = plan;
  const { heartbeatMs, stalledMs } = context.limits;
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.on('error', () => gone.abort());
  const write = async (text: string | Buffer): Promise<void> => {
    if (response.write(text)) return;
    const { signal, done } = firstOf([gone.signal], stalledMs);
    await once(response, 'drain', { signal }).finally(done);
  };
  const ended = firstOf([gone.signal, context.stopping]);
  // So that proxies keep the connection, and a dead one is noticed.
  const heartbeat = setInterval(() => response.writableNeedDrain || response.write(':\n\n'), heartbeatMs);
  try {
    await write(`retry: ${RETRY_MS}\n\n`);
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
    clearInterval(heartbeat);
    response.end();
  }
}

type Told = Exclude<TailEvent, { type: 'up-to-date' }>;

function pieceOf(queue: Queue, event: Told, { tails }: Context): string | Buffer {
  if (event.type === 'gap') return `event: gap\ndata: ${JSON.stringify(event.gap)}\n\n`;
  return tails.encoded(queue, 'sse', event.result, (result) => events(queue, result));
}

function events(queue: Queue, result: ReadResult): Buffer {
  let text = '';
  for (const slice of result.slices) {
    for (const message of messageTexts(slice)) text += `id: ${queue.epoch}:${message.id}\ndata: ${message.text}\n\n`;
  }
  return Buffer.from(text);
}
