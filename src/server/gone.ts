/**
 * Clients that have gone away. Node tells it of the answer it is sending: not of those that wait behind it on their connection,
 * and not to who asks only afterwards, behind an `await`.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';

/** What each connection has to tell, behind one listener of its own: many requests may wait on one that is kept alive. */
const toTell = new WeakMap<Socket, Set<() => void>>();

function toTellOf(socket: Socket): Set<() => void> {
  const known = toTell.get(socket);
  if (known !== undefined) return known;
  const ends = new Set<() => void>();
  toTell.set(socket, ends);
  socket.once('close', () => {
    for (const end of ends) end();
  });
  return ends;
}

/** Calls once, when the connection is gone; at once if it is already. Answers how not to be called any more. */
export function whenGone(socket: Socket, call: () => void): () => void {
  if (socket.destroyed) {
    call();
    return () => undefined;
  }
  const ends = toTellOf(socket);
  // Of its own, so that whoever asks twice is told twice.
  const end = (): void => {
    ends.delete(end);
    call();
  };
  ends.add(end);
  return () => void ends.delete(end);
}

/** Calls once, when an answer is complete or cannot be, since its connection is gone; at once if it is already. */
export function whenOver(response: ServerResponse, call: () => void): void {
  const { socket } = response.req;
  if (socket.destroyed) {
    call();
    return;
  }
  const end = (): void => {
    forget();
    response.off('close', end);
    call();
  };
  const forget = whenGone(socket, end);
  response.once('close', end);
}

/** Aborted when the answer is complete or the client has gone away. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  whenOver(reply.raw, () => gone.abort());
  return gone.signal;
}
