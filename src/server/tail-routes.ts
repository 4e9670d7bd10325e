/**
 * Tail: `GET /queues/{queue}/tail`, as a WebSocket when the client upgrades, else as server-sent events.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RoteraError } from '../errors.js';
import { DEFAULT_WINDOW, tailParameters } from '../protocol/api.js';
import { type Checked, checkParameters } from '../protocol/parameters.js';
import { resolveFrom } from '../queue/position.js';
import type { Queue } from '../queue/queue.js';
import { checkBegun, checkEpoch, needsCursor, openCursor } from './answers.js';
import type { Context, QueueRoute } from './context.js';
import { wireOf } from './frames.js';
import { whenGone } from './gone.js';
import { boundMessages } from './sockets.js';
import { countMissed, gapError, recreatedGap, type TailPlan } from './tail.js';
import { startEvents, TAIL_URL, tailOverEvents } from './tail-events.js';
import { MAX_MESSAGE_BYTES, tailOverWebSocket } from './tail-socket.js';

type TailParameters = Checked<typeof tailParameters>;

/** What was delivered last, as an EventSource says it when it comes back: `EPOCH:ID` or `ID`, or `EPOCH:-1` for nothing yet. */
function lastEvent(text: string): { epoch: string | undefined; id: number } {
  const match = /^(?:([A-Za-z0-9_-]{1,64}):)?((?<=:)-1|\d{1,16})$/.exec(text);
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
function resume(queue: Queue, text: string): Pick<TailPlan, 'from' | 'recreated'> {
  const { epoch, id } = lastEvent(text);
  if (epoch === undefined || epoch === queue.epoch) return { from: id + 1 };
  return { from: queue.oldest, recreated: recreatedGap(id + 1, queue.oldest) };
}

/** Where a tail begins: behind what was delivered last, or at `from`, else at the cursor or the end. @throws `beyond_end` */
function startOf(request: FastifyRequest, queue: Queue, parameters: TailParameters, now: number): Start {
  const { from, last_event_id, lastEventId } = parameters;
  const last = request.headers['last-event-id'] ?? last_event_id ?? lastEventId;
  const resumed = last === undefined ? undefined : resume(queue, String(last));
  const wanted = from === undefined ? undefined : resolveFrom(from, queue, now);
  checkBegun(queue, resumed?.from ?? wanted ?? 0);
  return { wanted, resumed };
}

interface Start {
  readonly wanted: number | undefined;
  readonly resumed: Pick<TailPlan, 'from' | 'recreated'> | undefined;
}

/** @throws `bad_parameter` for one that means nothing here */
function checkTogether({ cursor, window, move }: TailParameters, isSocket: boolean): void {
  const lone = window !== undefined ? 'window' : move !== undefined ? 'move' : undefined;
  if (lone !== undefined && cursor === undefined) throw needsCursor(lone);
  if (window === undefined || isSocket) return;
  const accepted = 'on a WebSocket: server-sent events cannot acknowledge';
  throw new RoteraError('bad_parameter', `window: accepted: ${accepted}.`, { parameter: 'window', accepted });
}

/** A tail that is counted among the open ones until `leave` is called. */
interface Opened {
  readonly plan: TailPlan;
  readonly leave: () => void;
}

/** What a tail asks for, checked before any upgrade, so that a refusal is a plain HTTP answer. */
async function openTail(request: FastifyRequest<QueueRoute>, context: Context): Promise<Opened> {
  const { tails, windows, queues, origins, now } = context;
  const parameters = checkParameters(tailParameters, request.query);
  const { gap, epoch, cursor, move = false, window: size = DEFAULT_WINDOW } = parameters;
  checkTogether(parameters, request.ws);
  const queue = queues.get(request.params.queue);
  checkEpoch(queue, epoch);
  if (cursor !== undefined) origins.checkOrigin(request.headers);
  const { wanted, resumed } = startOf(request, queue, parameters, now());
  const failOnGap = gap === 'fail';
  const tail = tails.add(queue, request.token?.name);
  const { leave } = tail;
  try {
    if (cursor === undefined)
      return { plan: { queue, tail, failOnGap, from: wanted ?? queue.next, ...resumed }, leave };
    const { position } = await openCursor(queue, cursor, wanted, move);
    const start = { queue, tail, failOnGap, cursor, from: position, ...resumed };
    if (!request.ws) return { plan: start, leave };
    const { window, close } = windows.open(queue, cursor, start.from, size);
    const leaveBoth = (): void => {
      close();
      leave();
    };
    return { plan: { ...start, window }, leave: leaveBoth };
  } catch (error) {
    leave();
    throw error;
  }
}

/**
 * The same, which leaves when its connection is gone as well: it may be before the tail begins, and an upgrade of a connection
 * that is gone ends without a word.
 */
function untilGone({ plan, leave }: Opened, socket: Socket): Opened {
  const forget = whenGone(socket, leave);
  const leaveForGood = (): void => {
    forget();
    leave();
  };
  return { plan, leave: leaveForGood };
}

/** With `gap=fail`, server-sent events that would begin with a gap are refused: EventSource shows only the status of a refusal. */
async function failEarly({ plan, leave }: Opened): Promise<void> {
  const { queue, failOnGap, from, recreated, cursor } = plan;
  if (!failOnGap) return;
  try {
    const gap = recreated ?? queue.read({ from, limit: 1, maxBytes: 1 }).gap;
    if (gap === null) return;
    if (recreated === undefined) await countMissed(queue, cursor, gap);
    throw gapError(gap);
  } catch (error) {
    leave();
    throw error;
  }
}

export function addTailRoutes(app: FastifyInstance, context: Context): void {
  const opened = new WeakMap<FastifyRequest, Opened>();
  const take = (request: FastifyRequest): Opened => opened.get(request) as Opened;
  app.route<QueueRoute>({
    method: 'GET',
    url: TAIL_URL,
    config: { verb: 'tail', socket: true },
    // A stream without a body has no end that anybody would see.
    exposeHeadRoute: false,
    preValidation: async (request) => {
      const tail = untilGone(await openTail(request, context), request.raw.socket);
      opened.set(request, tail);
      if (request.ws) boundMessages(request.raw, MAX_MESSAGE_BYTES);
      else await failEarly(tail);
    },
    handler: (request, reply) => {
      const { plan, leave } = take(request);
      reply.hijack();
      startEvents(reply, plan.queue);
      void tailOverEvents(reply.raw, plan, context).finally(leave);
    },
    wsHandler: (socket, request) => {
      const { plan, leave } = take(request);
      void tailOverWebSocket(socket, wireOf(socket), plan, context).finally(leave);
    },
  });
}
