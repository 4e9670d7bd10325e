/**
 * How the server stops: what is under way is finished, what is new is refused, nothing holds it up for long.
 */
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { RoteraError } from '../errors.js';

/** How long a connection may take for what it is in the middle of; then it is cut. */
const GRACE_MS = 5000;

/** Makes `app.close()` a graceful stop. The answer aborts when it begins: reads that wait end, tails say goodbye. */
export function stopGracefully(app: FastifyInstance): AbortSignal {
  const stop = new AbortController();
  const silent = silentConnections(app);
  app.addHook('preClose', async () => {
    stop.abort();
    for (const socket of silent) socket.destroy();
    setTimeout(() => cutConnections(app), GRACE_MS).unref();
  });
  app.addHook('onRequest', async () => {
    if (stop.signal.aborted) throw new RoteraError('draining', 'The server is stopping. Try again in a moment.');
  });
  app.addHook('onSend', async (_request, reply) => {
    // A connection that outlived its last answer would keep the server alive.
    if (stop.signal.aborted) reply.header('connection', 'close');
  });
  return stop.signal;
}

/** Connections that have not asked for anything, as browsers open them ahead of need: Node does not count them as idle. */
function silentConnections(app: FastifyInstance): ReadonlySet<Socket> {
  const silent = new Set<Socket>();
  const spoke = ({ socket }: IncomingMessage): void => void silent.delete(socket);
  app.server.on('request', spoke).on('upgrade', spoke);
  app.server.on('connection', (socket) => {
    silent.add(socket);
    socket.once('close', () => silent.delete(socket));
  });
  return silent;
}

function cutConnections(app: FastifyInstance): void {
  app.server.closeAllConnections();
  for (const socket of app.websocketServer.clients) socket.terminate();
}
