/**
 * How the server stops: what is under way is finished, what is new is refused, nothing holds it up for long.
 */
import { setMaxListeners } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Connections } from './connections.js';

/** How long a connection may take for what it is in the middle of; then it is cut. */
const GRACE_MS = 5000;
/** How long a connection that was just accepted has for its request to arrive, when the server stops accepting. */
const SETTLE_MS = 250;

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Accepts no connection from now on, and still serves those that there are. Resolves when each of them has asked for
     * something, within {@link SETTLE_MS}. Called before `close()`, it makes a restart unseen where systemd holds the socket:
     * what comes later waits for the next server.
     */
    stopAccepting(): Promise<void>;
  }
}

/**
 * Makes `app.close()` a graceful stop. The answer aborts when it begins: reads that wait end, tails say goodbye, and what is new
 * is refused (guards.ts).
 */
export function stopGracefully(app: FastifyInstance, connections: Connections): AbortSignal {
  const stop = new AbortController();
  // Every socket that is open listens to it.
  setMaxListeners(0, stop.signal);
  const silent = new SilentConnections(app);
  spareBusy(app.server, connections);
  let accepting = true;
  app.decorate('stopAccepting', async () => {
    accepting = false;
    app.server.close();
    await silent.spoke(SETTLE_MS);
  });
  app.addHook('preClose', async () => {
    accepting = false;
    stop.abort();
    silent.cut();
    setTimeout(() => cutConnections(app, connections), GRACE_MS).unref();
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    // Nothing more is to be asked for on this connection, and what was asked for already is answered.
    if (!accepting && connections.isLast(reply.raw)) reply.header('connection', 'close');
    done();
  });
  return stop.signal;
}

/**
 * Closes each connection that is idle when the server closes, and the others when they are. Node's own way takes a connection for
 * idle as soon as its answer is written, be it still on its way, and others behind it to come.
 */
function spareBusy(server: Server, connections: Connections): void {
  const closeIdle = server.closeIdleConnections.bind(server);
  let isDue = false;
  // Node calls it as the server stops to accept.
  server.closeIdleConnections = () => {
    isDue = false;
    connections.onAnswered = () => {
      // Once for all that are answered in this turn.
      if (!isDue) setImmediate(() => server.closeIdleConnections());
      isDue = true;
    };
    const { busy } = connections;
    // Only Node knows in which connections a request has begun to arrive: it chooses, and does nothing to those.
    for (const socket of busy) socket.destroy = () => socket;
    closeIdle();
    for (const socket of busy) Reflect.deleteProperty(socket, 'destroy');
  };
}

/** A TLS connection knows the one below it. Node does not document that, and tells it in no other way. */
type Secured = Socket & { readonly _parent?: Socket };

/** Connections that have not asked for anything, as browsers open them ahead of need: Node does not count them as idle. */
class SilentConnections {
  readonly #sockets = new Set<Socket>();
  #allSpoke = (): void => undefined;

  constructor({ server }: FastifyInstance) {
    const spoke = ({ socket }: IncomingMessage): void => this.#remove(socket);
    server.on('request', spoke).on('upgrade', spoke);
    server.on('connection', (socket: Socket) => this.#add(socket));
    // With TLS, requests come on a socket of their own: the one below is looked at only until there is that one.
    server.on('secureConnection', (socket: Secured) => {
      this.#add(socket);
      if (socket._parent !== undefined) this.#remove(socket._parent);
    });
  }

  /** Resolves when there is none, in so many ms at the latest. */
  async spoke(ms: number): Promise<void> {
    if (this.#sockets.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#allSpoke = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#remove(socket));
  }

  #remove(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size === 0) this.#allSpoke();
  }
}

function cutConnections({ server }: FastifyInstance, { upgraded }: Connections): void {
  server.closeAllConnections();
  for (const socket of upgraded) socket.destroy();
}
