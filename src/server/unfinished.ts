/**
 * The message of a WebSocket of which some is still to come. ws tells only of whole ones and of control frames: what it holds besides
 * is looked up in its receiver.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { RoteraError } from '../errors.js';
import type { Arrival } from './arrivals.js';
import type { Context } from './context.js';
import { CLOSE, heard } from './sockets.js';

/** What a piece of the wire costs beside its bytes: a client may send them one by one. */
const PIECE_BYTES = 400;
/** And a fragment, which ws keeps as a view of its piece. */
const FRAGMENT_BYTES = 128;

/** As ws has it (lib/receiver.js). */
interface Receiver {
  /** 0 before the first bytes of a frame. */
  readonly _state: number;
  /** What has come of a frame. */
  readonly _bufferedBytes: number;
  /** The opcode of the message that the next fragment belongs to, 0 for none. */
  readonly _fragmented: number;
  readonly _fragments: readonly Buffer[];
}

const receiverOf = (socket: WebSocket): Receiver => (socket as unknown as { readonly _receiver: Receiver })._receiver;

/**
 * Lets the messages of a socket count among what arrives, from the piece of the wire on that leaves one unfinished. The socket is
 * closed when one takes longer than a whole request may, or there is too much of all of them. @param wire the connection below
 */
export function boundUnfinished(socket: WebSocket, wire: Socket, { arrivals, limits, metrics }: Context): void {
  const receiver = receiverOf(socket);
  // Even a single one: its fragments keep the whole pieces of the wire, with what lies between them.
  const most = Math.max(limits.maxArrivingBytes, 2 * limits.maxPushBytes);
  let arrival: Arrival | undefined;
  let isWhole = false;
  let fragments = 0;
  const forget = (): void => {
    if (arrival !== undefined) arrivals.remove(arrival);
    arrival = undefined;
    fragments = 0;
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
  socket.on('message', () => {
    isWhole = true;
  });
  socket.on('close', forget);
  // Comes behind ws's own listener, which has taken the piece in by then.
  wire.on('data', ({ length }: Buffer) => {
    const { _state, _bufferedBytes, _fragmented, _fragments } = receiver;
    const isUnfinished = _state !== 0 || _bufferedBytes > 0 || _fragmented !== 0;
    if (isWhole || !isUnfinished || socket.readyState !== socket.OPEN) forget();
    isWhole = false;
    if (isUnfinished && socket.readyState === socket.OPEN) {
      // Within a frame its peer can answer no ping.
      heard(socket);
      const more = _fragments.length - fragments;
      fragments = _fragments.length;
      grow(length + PIECE_BYTES + more * FRAGMENT_BYTES);
    }
  });
  const grow = (bytes: number): void => {
    if (arrival === undefined) {
      arrival = begin();
      arrivals.add(arrival);
    }
    arrivals.grow(arrival, bytes);
    if (arrival !== undefined && arrival.bytes > most)
      arrival.refuse(new RoteraError('overloaded', 'This message comes in too many pieces.'));
  };
}
