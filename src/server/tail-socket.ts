/**
 * A tail over a WebSocket: text frames, or with `rotera.batch.v1` binary frames for the messages.
 */
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { isRoteraError, RoteraError } from '../errors.js';
import { BATCH_PROTOCOL } from '../protocol/api.js';
import { problemOf } from '../protocol/problem.js';
import type { ReadResult } from '../queue/read.js';
import { Acks } from './acks.js';
import type { Context } from './context.js';
import { binaryFrame, textFrame, writeFrames } from './frames.js';
import { batchHeader, messagesArray } from './messages.js';
import { firstOf } from './signals.js';
import { CLOSE, heard, send } from './sockets.js';
import { follow, type TailEvent, type TailPlan } from './tail.js';
import { boundUnfinished } from './unfinished.js';

/** An ack is `{"type":"ack","id":N}`: nothing longer is expected of a client. */
const MAX_ACK_BYTES = 1024;
/** So much is taken in all the same, to say what is wrong with it; a socket with more is closed before it has all come. */
export const MAX_MESSAGE_BYTES = 4096;
/** A client that provokes errors and does not read them is cut when so much waits for it. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/** Runs until the client goes away, the server stops or the queue ends. Never throws. @param wire the connection below */
export async function tailOverWebSocket(
  socket: WebSocket,
  wire: Socket,
  plan: TailPlan,
  context: Context,
): Promise<void> {
  const { queue, from } = plan;
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  const ended = firstOf([gone.signal, context.stopping]);
  // ws hears of a connection that is gone a turn later.
  const isOpen = (): boolean => socket.readyState === socket.OPEN && !wire.destroyed;
  listen(socket, plan, context);
  boundUnfinished(socket, wire, context);
  try {
    const { epoch, oldest, next } = queue;
    await send(socket, JSON.stringify({ type: 'open', queue: queue.name, epoch, oldest, next, from }));
    for await (const event of follow(plan, ended.signal)) {
      const taken = writeFrames(socket, wire, framesOf(socket, plan, event, context));
      if (taken === undefined) continue;
      await taken;
      // A peer so slow that its pongs are late is no silent one: it has just taken something.
      heard(socket);
    }
    if (isOpen()) await sayDraining(socket);
  } catch (error) {
    if (isOpen()) await sayWhy(socket, error, plan, context).catch(() => socket.terminate());
  } finally {
    ended.done();
  }
}

async function sayDraining(socket: WebSocket): Promise<void> {
  await send(socket, '{"type":"draining"}');
  socket.close(CLOSE.goingAway, 'draining');
}

/** Ends a tail that cannot go on. */
async function sayWhy(socket: WebSocket, error: unknown, { queue }: TailPlan, { log }: Context): Promise<void> {
  if (!isRoteraError(error)) {
    log.error({ err: error, queue: queue.name }, 'a tail failed');
    socket.close(CLOSE.internal);
  } else if (error.code === 'draining') {
    await sayDraining(socket);
  } else {
    await send(socket, errorFrame(error));
    socket.close(CLOSE.queueEnded, error.code);
  }
}

const errorFrame = (error: RoteraError): string => JSON.stringify({ ...problemOf(error), type: 'error' });

/** The frames that tell an event, encoded. */
function framesOf(socket: WebSocket, { queue }: TailPlan, event: TailEvent, { tails }: Context): Buffer {
  if (event.type === 'gap') return textFrame(JSON.stringify({ type: 'gap', ...event.gap }));
  if (event.type === 'up-to-date') return upToDate(event.next);
  const { result } = event;
  if (socket.protocol === BATCH_PROTOCOL) return tails.encoded(queue, BATCH_PROTOCOL, result, batchFrames);
  return tails.encoded(queue, 'json', result, jsonFrames);
}

const upToDate = (next: number): Buffer => textFrame(JSON.stringify({ type: 'up-to-date', next }));

const toldFully = (frames: readonly Buffer[], { next, upToDate: isLast }: ReadResult): Buffer =>
  Buffer.concat(isLast ? [...frames, upToDate(next)] : frames);

const jsonFrames = (result: ReadResult): Buffer =>
  toldFully([textFrame(`{"type":"messages","messages":${messagesArray(result)}}`)], result);

/** One frame a commit. */
const batchFrames = (result: ReadResult): Buffer =>
  toldFully(
    result.slices.map((slice) => binaryFrame([batchHeader(slice), slice.records])),
    result,
  );

/** Takes the acks of the client, and tells it what is wrong with one. */
function listen(socket: WebSocket, { queue, cursor }: TailPlan, { windows, log }: Context): void {
  const refuse = (error: unknown): void => {
    const known = isRoteraError(error) ? error : new RoteraError('internal', 'The ack failed.');
    if (!isRoteraError(error)) log.error({ err: error, queue: queue.name }, 'an ack failed');
    if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.terminate();
    else socket.send(errorFrame(known));
    if (known.code === 'bad_parameter') socket.close(CLOSE.refused, known.code);
  };
  const store = async (name: string, id: number): Promise<void> => {
    try {
      const { position } = await queue.moveCursor({ kind: 'ack', name, id });
      windows.advance(queue, name, position);
    } catch (error) {
      refuse(error);
    }
  };
  const acks = cursor === undefined ? undefined : new Acks((id) => store(cursor, id));
  socket.on('message', (data, isBinary) => {
    if (socket.readyState !== socket.OPEN) return;
    try {
      const id = ackedId(data, isBinary);
      if (acks === undefined)
        throw new RoteraError('bad_parameter', 'This tail has no cursor: there is nothing to acknowledge.');
      // Said here, since the acks that wait are stored as one.
      if (id >= queue.next) {
        const text = `ack ${id} lies beyond the end: the next message will get the id ${queue.next}.`;
        throw new RoteraError('beyond_end', text, { next: queue.next });
      }
      acks.take(id);
    } catch (error) {
      refuse(error);
    }
  });
}

/** @throws `bad_parameter` */
function ackedId(data: RawData, isBinary: boolean): number {
  const bytes = data as Buffer;
  if (!isBinary && bytes.length <= MAX_ACK_BYTES) {
    try {
      const { type, id } = JSON.parse(bytes.toString()) as { type?: unknown; id?: unknown };
      if (type === 'ack' && typeof id === 'number' && Number.isSafeInteger(id) && id >= 0) return id;
    } catch {
      // Said below.
    }
  }
  throw new RoteraError('bad_parameter', 'A frame that a client sends to a tail is the text {"type":"ack","id":N}.');
}
