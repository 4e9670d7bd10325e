/**
 * A tail over a WebSocket: text frames, or with `rotera.batch.v1` binary frames for the messages.
 */
import type { RawData, WebSocket } from 'ws';
import { isRoteraError, RoteraError } from '../errors.js';
import { BATCH_PROTOCOL } from '../protocol/api.js';
import { problemOf } from '../protocol/problem.js';
import type { ReadResult } from '../queue/read.js';
import type { Context } from './context.js';
import { batchFrames, messagesArray } from './messages.js';
import { CLOSE, send } from './sockets.js';
import { follow, type TailEvent, type TailPlan } from './tail.js';

/** An ack is `{"type":"ack","id":N}`: nothing longer is expected of a client. */
const MAX_CLIENT_FRAME_BYTES = 1024;

/** Runs until the client goes away, the server stops or the queue ends. Never throws. */
export async function tailOverWebSocket(socket: WebSocket, plan: TailPlan, context: Context): Promise<void> {
  const { queue, from } = plan;
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  socket.on('message', (data, isBinary) => void acknowledge(socket, plan, data, isBinary));
  try {
    const { epoch, oldest, next } = queue;
    await send(socket, JSON.stringify({ type: 'open', queue: queue.name, epoch, oldest, next, from }));
    for await (const event of follow(plan, AbortSignal.any([gone.signal, context.stopping]))) {
      for (const frame of framesOf(socket, plan, event, context)) await send(socket, frame);
    }
    if (gone.signal.aborted) return;
    await send(socket, '{"type":"draining"}');
    socket.close(CLOSE.goingAway, 'draining');
  } catch (error) {
    if (gone.signal.aborted) return;
    if (isRoteraError(error, 'draining')) {
      socket.close(CLOSE.goingAway, 'draining');
    } else if (isRoteraError(error)) {
      socket.send(JSON.stringify({ ...problemOf(error), type: 'error' }));
      socket.close(CLOSE.queueEnded, error.code);
    } else {
      context.log.error({ err: error, queue: queue.name }, 'a tail failed');
      socket.close(CLOSE.internal);
    }
  }
}

function framesOf(
  socket: WebSocket,
  { queue }: TailPlan,
  event: TailEvent,
  { tails }: Context,
): ReadonlyArray<string | Buffer> {
  if (event.type === 'gap') return [JSON.stringify({ type: 'gap', ...event.gap })];
  if (event.type === 'up-to-date') return [JSON.stringify(event)];
  if (socket.protocol === BATCH_PROTOCOL) return tails.encoded(queue, BATCH_PROTOCOL, event.result, batchFrames);
  return tails.encoded(queue, 'json', event.result, textFrames);
}

const textFrames = (result: ReadResult): Buffer[] => [
  Buffer.from(`{"type":"messages","messages":${messagesArray(result)}}`),
];

/** Takes an ack of the client; tells it what is wrong with one. Never throws. */
async function acknowledge(socket: WebSocket, plan: TailPlan, data: RawData, isBinary: boolean): Promise<void> {
  try {
    if (isBinary) throw new RoteraError('bad_parameter', 'A client frame of a tail is text: {"type":"ack","id":N}.');
    const id = ackedId((data as Buffer).subarray(0, MAX_CLIENT_FRAME_BYTES).toString());
    if (plan.cursor === undefined)
      throw new RoteraError('bad_parameter', 'This tail has no cursor: there is nothing to acknowledge.');
    const { position } = await plan.queue.moveCursor({ kind: 'ack', name: plan.cursor, id });
    plan.window?.acknowledge(position);
  } catch (error) {
    const known = isRoteraError(error) ? error : new RoteraError('internal', 'The ack failed.', {}, { cause: error });
    socket.send(JSON.stringify({ ...problemOf(known), type: 'error' }));
    if (known.code === 'bad_parameter') socket.close(CLOSE.refused, known.code);
  }
}

function ackedId(text: string): number {
  try {
    const { type, id } = JSON.parse(text) as { type?: unknown; id?: unknown };
    if (type === 'ack' && typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) return id;
  } catch {
    // Said below.
  }
  throw new RoteraError('bad_parameter', 'A client frame of a tail is {"type":"ack","id":N}.');
}
