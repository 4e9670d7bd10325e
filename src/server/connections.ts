/**
 * The connections of the server, and the answers that each of them still waits for.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export class Connections {
  readonly #unanswered = new WeakMap<Socket, Set<ServerResponse>>();
  readonly #upgraded = new Set<Socket>();

  /** Keeps account of them from now on. */
  watch(server: Server): void {
    // Before anything looks at the request.
    server.prependListener('request', ({ socket }, response) => {
      const open = this.#unanswered.get(socket) ?? new Set();
      this.#unanswered.set(socket, open.add(response));
      response.once('close', () => open.delete(response));
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
}
