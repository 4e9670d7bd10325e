/**
 * Pushes over a WebSocket: each frame is a message, or with `rotera.batch.v1` a batch; for every frame, in order, one text
 * frame comes back.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { ProducerClaim } from '../queue/producers.js';
import type { Queue } from '../queue/queue.js';
import type { Context } from './context.js';
import { FramePusher, type FramesUnderWay } from './frame-pusher.js';
import { writeFrames } from './frames.js';
import { firstOf } from './signals.js';
import { CLOSE } from './sockets.js';
import { boundUnfinished } from './unfinished.js';

/** With more under way than this, the socket is not read until answers have gone out: bounds what one client holds. */
const MAX_FRAMES_UNDER_WAY = 4096;
const MAX_BYTES_UNDER_WAY = 32 * 1024 * 1024;
/** With more answers than this not yet taken by the client, the next are held back. */
const MAX_UNREAD_BYTES = 64 * 1024;

/**
 * Serves one socket. Frames that arrive together are pushed together, each with ids of its own; answers go out in the order of
 * the frames. @param wire the connection below the socket
 */
export function pushOverWebSocket(
  socket: WebSocket,
  wire: Socket,
  queue: Queue,
  claim: ProducerClaim | undefined,
  { headers, context }: { readonly headers: IncomingHttpHeaders; readonly context: Context },
): void {
  const { stopping } = context;
  const waiting: FramesUnderWay[] = [];
  let frames = 0;
  let bytes = 0;
  let sending = false;

  const answerAll = async (): Promise<void> => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) {
      const taken = writeFrames(socket, wire, await run.answers);
      frames -= run.frames;
      bytes -= run.bytes;
      if (wire.writableLength > MAX_UNREAD_BYTES) await taken;
      else taken?.catch(() => undefined); // The client is gone: the next answer ends the loop.
      if (socket.isPaused && frames < MAX_FRAMES_UNDER_WAY / 2 && bytes < MAX_BYTES_UNDER_WAY / 2) socket.resume();
    }
  };

  /** Closes the socket when there is nothing more to do here, once all that has come is answered. */
  const leaveIfOver = (): void => {
    if (frames > 0) return;
    if (stopping.aborted || queue.ended === 'closed') socket.close(CLOSE.goingAway, 'draining');
    else if (queue.ended !== undefined) socket.close(CLOSE.queueEnded, 'queue_not_found');
  };

  const answerInOrder = async (): Promise<void> => {
    sending = true;
    try {
      await answerAll();
      leaveIfOver();
    } catch {
      // The client is gone: what it pushed is stored, and nobody waits for the answers.
      waiting.length = 0;
    }
    sending = false;
  };

  const pusher = new FramePusher(queue, socket.protocol, claim, { headers, context }, (run) => {
    waiting.push(run);
    if (!sending) void answerInOrder();
  });
  socket.on('message', (data: Buffer, isBinary) => {
    frames++;
    bytes += data.length;
    pusher.take(data, isBinary);
    if (frames >= MAX_FRAMES_UNDER_WAY || bytes >= MAX_BYTES_UNDER_WAY) socket.pause();
  });
  boundUnfinished(socket, wire, context);
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  const ended = firstOf([gone.signal, stopping]);
  // No message has that id: what ends this wait is the end of the queue, or of the socket, or of the server.
  void queue.waitFor(Number.MAX_SAFE_INTEGER, ended.signal).then(() => {
    ended.done();
    leaveIfOver();
  });
}
