/**
 * The connections of the server, and the answers that each of them still waits for.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A connection that waits for more answers is not listened to, until it waits for half as many: each takes memory. */
const MOST_UNANSWERED = 1000;

export class Connections {
  /** Of each that has asked for something. */
  readonly #unanswered = new Map<Socket, Set<ServerResponse>>();
  /** Not listened to at the moment. */
  readonly #held = new WeakSet<Socket>();
  readonly #upgraded = new Set<Socket>();
  /** Called whenever a connection waits for no answer any more. */
  onAnswered: () => void = () => undefined;

  /** Keeps account of them from now on. */
  watch(server: Server): void {
    // Before anything looks at the request.
    server.prependListener('request', ({ socket }, response) => {
      const open = (this.#unanswered.get(socket) ?? this.#begin(socket)).add(response);
      if (open.size > MOST_UNANSWERED) this.#hold(socket);
      response.once('close', () => {
        open.delete(response);
        if (open.size === MOST_UNANSWERED / 2) this.#release(socket);
        if (open.size === 0) this.onAnswered();
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

  /** Whether nothing comes behind an answer on its connection. */
  isLast(response: ServerResponse): boolean {
    const last = this.unanswered(response.req.socket).at(-1);
    return last === undefined || last === response;
  }

  /** Those that wait for answers. */
  get busy(): readonly Socket[] {
    return [...this.#unanswered].filter(([, open]) => open.size > 0).map(([socket]) => socket);
  }

  /** Those whose clients have asked for an upgrade, and which Node knows no longer: WebSockets, and what was refused to be one. */
  get upgraded(): ReadonlySet<Socket> {
    return this.#upgraded;
  }

  #begin(socket: Socket): Set<ServerResponse> {
    const open = new Set<ServerResponse>();
    this.#unanswered.set(socket, open);
    socket.once('close', () => this.#unanswered.delete(socket));
    return open;
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
