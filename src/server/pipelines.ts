/**
 * Requests that come behind others on their connection. Each but a push is begun when the answers before its own are out: so a
 * client has one at work on each connection, and what is made for it does not lie there until others are taken. Pushes are not
 * held up, since those that come together are stored together; what reads behind one sees what it has stored.
 */
import type { FastifyInstance } from 'fastify';

/** To be called when all that refuses requests at once is there. */
export function beginInTurn(app: FastifyInstance): void {
  app.addHook('onRequest', ({ method }, { raw }, done) => {
    // Node gives an answer its socket when it is its turn.
    if (raw.socket !== null || method === 'POST') return done();
    // In a turn of the event loop of its own, however many there are. When the connection ends first, it is forgotten with it.
    raw.once('socket', (socket) => setImmediate(() => socket.destroyed || done()));
  });
}
