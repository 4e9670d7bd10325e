/**
 * Tail: `GET /queues/{queue}/tail`, as a WebSocket when the client upgrades, else as server-sent events.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RoteraError } from '../errors.js';
import { DEFAULT_WINDOW, tailParameters } from '../protocol/api.js';
import { checkParameters } from '../protocol/parameters.js';
import { resolveFrom } from '../queue/position.js';
import type { Queue } from '../queue/queue.js';
import type { Gap } from '../queue/read.js';
import { checkEpoch, openCursor } from './answers.js';
import type { Context, QueueRoute } from './context.js';
import { recreatedGap, type TailPlan } from './tail.js';
import { startEvents, tailOverEvents } from './tail-events.js';
import { tailOverWebSocket } from './tail-socket.js';
import { Window } from './window.js';

/** What was delivered last, as an EventSource says it when it comes back: `EPOCH:ID` or `ID`. */
function lastEvent(text: string): { epoch: string | undefined; id: number } {
  const match = /^(?:([A-Za-z0-9_-]{1,64}):)?(\d{1,16})$/.exec(text);
  const id = Number(match?.[2] ?? Number.NaN);
  if (Number.isSafeInteger(id)) return { epoch: match?.[1], id };
  const accepted = 'EPOCH:ID or ID';
  const value = text.slice(0, 100);
  throw new RoteraError('bad_parameter', `Last-Event-ID=${value}: accepted: ${accepted}.`, {
    parameter: 'Last-Event-ID',
    value,
    accepted,
  });
}

/** Where a consumer goes on that was here before. */
function resume(queue: Queue, text: string): { from: number; recreated?: Gap } {
  const { epoch, id } = lastEvent(text);
  if (epoch === undefined || epoch === queue.epoch) return { from: id + 1 };
  return { from: queue.oldest, recreated: recreatedGap(id + 1, queue.oldest) };
}

/** What a tail asks for, checked before any upgrade, so that a refusal is a plain HTTP answer. */
async function planTail(request: FastifyRequest<QueueRoute>, context: Context, isSocket: boolean): Promise<TailPlan> {
  const { from, gap, epoch, cursor, move, window, last_event_id, lastEventId } = checkParameters(
    tailParameters,
    request.query,
  );
  const queue = context.queues.get(request.params.queue);
  checkEpoch(queue, epoch);
  if (cursor !== undefined) context.origins.checkOrigin(request.headers);
  const last = request.headers['last-event-id'] ?? last_event_id ?? lastEventId;
  const resumed = last === undefined ? undefined : resume(queue, String(last));
  const wanted = from === undefined ? undefined : resolveFrom(from, queue, context.now());
  const opened = cursor === undefined ? undefined : await openCursor(queue, cursor, wanted, move ?? false);
  const start = resumed ?? { from: opened?.position ?? wanted ?? queue.next };
  if (start.from > queue.next) {
    const text = `from=${start.from} lies beyond the end: the next message will get the id ${queue.next}.`;
    throw new RoteraError('beyond_end', text, { next: queue.next });
  }
  const failOnGap = gap === 'fail';
  if (opened === undefined || cursor === undefined) return { queue, ...start, failOnGap };
  const open = isSocket ? { window: new Window(start.from, window ?? DEFAULT_WINDOW) } : {};
  return { queue, ...start, failOnGap, cursor, ...open };
}

interface Wanted {
  readonly plan: TailPlan;
  readonly done: () => void;
}

export function addTailRoutes(app: FastifyInstance, context: Context): void {
  const wanted = new WeakMap<FastifyRequest, Wanted>();
  const take = (request: FastifyRequest): Wanted => wanted.get(request) as Wanted;
  app.route<QueueRoute>({
    method: 'GET',
    url: '/queues/:queue/tail',
    config: { verb: 'tail' },
    // A stream without a body has no end that anybody would see.
    exposeHeadRoute: false,
    preValidation: async (request) => {
      const plan = await planTail(request, context, request.ws);
      const done = context.tails.add(plan.queue, request.token?.name);
      request.raw.socket.once('close', done);
      wanted.set(request, { plan, done });
    },
    handler: (request, reply) => {
      const { plan, done } = take(request);
      reply.hijack();
      startEvents(reply, plan.queue);
      void tailOverEvents(reply.raw, plan, context).finally(done);
    },
    wsHandler: (socket, request) => {
      const { plan, done } = take(request);
      void tailOverWebSocket(socket, plan, context).finally(done);
    },
  });
}
