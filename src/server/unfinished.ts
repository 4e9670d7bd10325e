/**
 * The message of a WebSocket of which some is still to come. ws tells only of whole ones and of control frames: what came on the wire
 * besides is taken for it.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Arrival } from './arrivals.js';
import type { Context } from './context.js';
import { CLOSE } from './sockets.js';

/** Before the payload of a control frame of a client: RFC 6455, section 5.2. */
const CONTROL_HEADER_BYTES = 6;

/**
 * Lets the messages of a socket count among what arrives, beyond the piece of the wire in which they begin. The socket is closed when
 * one takes longer than a whole request may, or there is too much of all of them. @param wire the connection below
 */
export function boundUnfinished(socket: WebSocket, wire: Socket, { arrivals, limits, metrics }: Context): void {
  let arrival: Arrival | undefined;
  let isWhole = false;
  let controlBytes = 0;
  const forget = (): void => {
    if (arrival !== undefined) arrivals.remove(arrival);
    arrival = undefined;
  };
  const begin = (): Arrival => ({
    since: performance.now(),
    bytes: 0,
    // One that we do not listen to at the moment cannot go on.
    isLate: (ms) => ms >= limits.requestMs && !socket.isPaused,
    refuse: ({ code }) => {
      forget();
      metrics.refused(code);
      socket.close(CLOSE.refused, code);
      socket.terminate();
    },
  });
  const onControl = ({ length }: Buffer): void => {
    controlBytes += CONTROL_HEADER_BYTES + length;
  };
  socket.on('message', () => {
    isWhole = true;
  });
  socket.on('ping', onControl).on('pong', onControl).on('close', forget);
  // Comes behind ws's own listener, which has told by then what this piece has completed.
  wire.on('data', ({ length }: Buffer) => {
    const bytes = length - controlBytes;
    controlBytes = 0;
    // How much of the next one a piece has in it that completes a message is not known.
    if (isWhole || socket.readyState !== socket.OPEN) forget();
    else grow(bytes);
    isWhole = false;
  });
  const grow = (bytes: number): void => {
    // The rest of a control frame that was cut in two was no message.
    if ((arrival?.bytes ?? 0) + bytes <= 0) {
      forget();
      return;
    }
    if (arrival === undefined) {
      arrival = begin();
      arrivals.add(arrival);
    }
    arrivals.grow(arrival, bytes);
  };
}
