/**
 * The connections of the server, and the answers that each of them still waits for.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A connection that waits for more answers is not listened to, until it waits for half as many: each takes memory. */
const MOST_UNANSWERED = 1000;

export class Connections {
  readonly #unanswered = new WeakMap<Socket, Set<ServerResponse>>();
  /** Not listened to at the moment. */
  readonly #held = new WeakSet<Socket>();
  readonly #upgraded = new Set<Socket>();

  /** Keeps account of them from now on. */
  watch(server: Server): void {
    // Before anything looks at the request.
    server.prependListener('request', ({ socket }, response) => {
      const open = this.#unanswered.get(socket) ?? new Set();
      this.#unanswered.set(socket, open.add(response));
      if (open.size > MOST_UNANSWERED) this.#hold(socket);
      response.once('close', () => {
        open.delete(response);
        if (open.size === MOST_UNANSWERED / 2) this.#release(socket);
      });
    });
    server.on('upgrade', ({ socket }) => {
      this.#upgraded.add(socket);
      socket.once('close', () => this.#upgraded.delete(socket));
    });
  }

  /** The answers that a connection waits for, in their order, until the system has taken all of each. */
  unanswered(socket: Socket): readonly ServerResponse[] {
    return [...(this.#unanswered.get(socket) ?? [])];
  }

  /** Those whose clients have asked for an upgrade, and which Node knows no longer: WebSockets, and what was refused to be one. */
  get upgraded(): ReadonlySet<Socket> {
    return this.#upgraded;
  }

  #hold(socket: Socket): void {
    if (this.#held.has(socket)) return;
    this.#held.add(socket);
    socket.on('resume', pauseAgain).pause();
  }

  #release(socket: Socket): void {
    if (this.#held.delete(socket)) socket.off('resume', pauseAgain).resume();
  }
}

/** Node resumes a connection whenever it looks at the body of a request. */
function pauseAgain(this: Socket): void {
  this.pause();
}
