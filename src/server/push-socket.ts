/**
 * Pushes over a WebSocket: each frame is a message, or with `rotera.batch.v1` a batch; for every frame, in order, one text
 * frame comes back.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { WebSocket } from 'ws';
import { type Batch, batchOf, parseBatch } from '../batch.js';
import { isRoteraError, RoteraError } from '../errors.js';
import { BATCH_PROTOCOL } from '../protocol/api.js';
import { problemOf } from '../protocol/problem.js';
import type { ProducerClaim } from '../queue/producers.js';
import type { Queue } from '../queue/queue.js';
import type { Context } from './context.js';
import { CLOSE, send } from './sockets.js';

/** With more under way than this, the socket is not read until answers have gone out: bounds what one client holds. */
const MAX_FRAMES_UNDER_WAY = 4096;
const MAX_BYTES_UNDER_WAY = 32 * 1024 * 1024;
/** With more answers than this not yet taken by the client, the next are held back. */
const MAX_UNREAD_BYTES = 64 * 1024;

/** What a socket of pushes is for. */
export interface SocketPush {
  readonly queue: Queue;
  /** Of the request that opened it. */
  readonly headers: IncomingHttpHeaders;
  /** Of its first frame. */
  readonly claim: ProducerClaim | undefined;
}

/** Serves one socket. Answers go out in the order of the frames, many at once where many are ready. */
export function pushOverWebSocket(
  socket: WebSocket,
  { queue, headers, claim }: SocketPush,
  { stopping, log, metrics, tracing }: Context,
): void {
  const answers: Array<Promise<string>> = [];
  let seq = claim?.seq ?? 0;
  let bytes = 0;
  let sending = false;

  const push = async (data: Buffer, isBinary: boolean, producer: ProducerClaim | undefined): Promise<string> => {
    try {
      if (stopping.aborted) throw new RoteraError('draining', 'The server is stopping: push to it when it is back.');
      const batch = batchOfFrame(socket, data, isBinary);
      const options = producer === undefined ? {} : { producer };
      const pushed = tracing?.push(headers, queue, batch, options) ?? queue.push(batch, options);
      const { first, next, duplicate } = await pushed;
      return `{"first":${first},"next":${next},"duplicate":${duplicate}}`;
    } catch (error) {
      if (!isRoteraError(error)) log.error({ err: error, queue: queue.name }, 'a push failed');
      const known = isRoteraError(error) ? error : new RoteraError('internal', 'The push failed.');
      metrics.refused(known.code);
      return JSON.stringify(problemOf(known));
    } finally {
      bytes -= data.length;
    }
  };

  const answerAll = async (): Promise<void> => {
    for (let answer = answers.shift(); answer !== undefined; answer = answers.shift()) {
      const sent = send(socket, await answer);
      if (socket.bufferedAmount > MAX_UNREAD_BYTES) await sent;
      else sent.catch(() => undefined); // The client is gone: the next answer ends the loop.
      if (socket.isPaused && answers.length < MAX_FRAMES_UNDER_WAY / 2 && bytes < MAX_BYTES_UNDER_WAY / 2)
        socket.resume();
    }
  };

  const answerInOrder = async (): Promise<void> => {
    sending = true;
    try {
      await answerAll();
      if (stopping.aborted) socket.close(CLOSE.goingAway, 'draining');
    } catch {
      // The client is gone: what it pushed is stored, and nobody waits for the answers.
      answers.length = 0;
    }
    sending = false;
  };

  socket.on('message', (data: Buffer, isBinary) => {
    bytes += data.length;
    const producer = claim === undefined ? undefined : { ...claim, seq: seq++ };
    answers.push(push(data, isBinary, producer));
    if (answers.length >= MAX_FRAMES_UNDER_WAY || bytes >= MAX_BYTES_UNDER_WAY) socket.pause();
    if (!sending) void answerInOrder();
  });
  const drain = (): void => {
    if (!sending) socket.close(CLOSE.goingAway, 'draining');
  };
  if (stopping.aborted) drain();
  stopping.addEventListener('abort', drain, { once: true });
  socket.on('close', () => stopping.removeEventListener('abort', drain));
}

function batchOfFrame(socket: WebSocket, data: Buffer, isBinary: boolean): Batch {
  if (data.length === 0)
    throw new RoteraError('empty_body', 'The frame is empty: a message has at least one byte here.');
  if (socket.protocol !== BATCH_PROTOCOL) return batchOf([data]);
  if (!isBinary) throw new RoteraError('malformed_batch', `With ${BATCH_PROTOCOL} each frame is binary.`);
  return parseBatch(data);
}
