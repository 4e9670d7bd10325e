/**
 * What the log says of each request: an id that finds its lines, and how it ended. Never headers, queries or bodies, in which
 * there may be secrets and messages.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** An id that a proxy in front has given to a request. */
const REQUEST_ID = /^[\w.:/+=-]{1,128}$/;
/** On refusals, so that whoever got one can say which. */
export const REQUEST_ID_HEADER = 'x-request-id';

/** Gives ids to requests: that of the proxy, or one that no other request has, of this process or another. */
export function requestIds(): (request: IncomingMessage) => string {
  const prefix = randomBytes(4).toString('hex');
  let count = 0;
  return ({ headers }) => {
    const given = headers[REQUEST_ID_HEADER];
    return typeof given === 'string' && REQUEST_ID.test(given) ? given : `${prefix}-${(++count).toString(36)}`;
  };
}

/** Logs every request when it is over, for those who want to know that much. */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', (request, reply, done) => {
    const { method, url, log } = request;
    const ms = Math.round(reply.elapsedTime);
    log.debug({ method, path: url.split('?', 1)[0], status: reply.statusCode, ms }, 'request');
    done();
  });
}
