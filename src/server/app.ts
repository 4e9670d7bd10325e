/**
 * The HTTP application: routes, error answers, limits. Does not listen.
 */
import type { Socket } from 'node:net';
import websocket from '@fastify/websocket';
import fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  LogController,
} from 'fastify';
import { isRoteraError, RoteraError } from '../errors.js';
import { MAX_PUSH_BYTES } from '../protocol/api.js';
import { PROBLEM_TYPE, problemOf } from '../protocol/problem.js';
import type { Queues } from '../queue/queues.js';
import { addPushRoutes } from './push-routes.js';
import { addQueueRoutes } from './queue-routes.js';
import { addReadRoutes } from './read-routes.js';
import { stopGracefully } from './stop.js';
import { Tails } from './tail.js';
import { addTailRoutes } from './tail-routes.js';

/** RFC 9110, section 8.3.1, as far as fastify would refuse anything else. */
const MEDIA_TYPE = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;|$)/;

/** On every answer: a browser must not guess that a message is a script. */
const NO_SNIFF = ['x-content-type-options', 'nosniff'] as const;

/** What every route group gets. */
export interface Context {
  readonly queues: Queues;
  readonly tails: Tails;
  /** Aborted when the server begins to stop. */
  readonly stopping: AbortSignal;
  readonly log: FastifyBaseLogger;
}

/** Type of the routes below `/queues/:queue`. */
export interface QueueRoute {
  Params: { queue: string };
}

export interface AppOptions {
  readonly queues: Queues;
  /** Levels and streams as pino takes them; false for no log. */
  readonly logger?: { level: string; stream?: NodeJS.WritableStream } | false;
}

/**
 * An application that has not begun to listen. `close()` tells the tails, finishes the requests that are under way, refuses
 * new ones with `draining`, and cuts what is left a few seconds later.
 */
export async function buildApp({ queues, logger = false }: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_PUSH_BYTES,
    // A queue name in an URL may have every character escaped.
    routerOptions: { maxParamLength: 400 },
    forceCloseConnections: 'idle',
    // Refused below, in our own form.
    return503OnClosing: false,
    clientErrorHandler: refuseMalformed,
    // What the router refuses before any hook or handler of ours is called.
    frameworkErrors: (error, _request, reply) => sendProblem(reply.header(...NO_SNIFF), toRoteraError(error)),
  });
  const stopping = stopGracefully(app);

  app.removeAllContentTypeParsers();
  // A push takes a body of any type, and one that is not even a media type as a body of none.
  app.addHook('onRequest', async ({ raw }) => {
    if (!MEDIA_TYPE.test(raw.headers['content-type'] ?? '')) delete raw.headers['content-type'];
  });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onSend', async (_request, reply) => {
    reply.header(...NO_SNIFF);
  });
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = toRoteraError(error);
    if (known.code === 'internal') request.log.error({ err: error }, 'unexpected error');
    sendProblem(reply, known);
  });
  const routes = collectRoutes(app);
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] as string;
    const allow = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (allow.length === 0) {
      sendProblem(reply, new RoteraError('not_found', `There is nothing at ${path}. The API is below /queues.`));
      return;
    }
    const text = `${request.method} is not allowed here; allowed: ${allow.join(', ')}.`;
    sendProblem(reply.header('allow', allow.join(', ')), new RoteraError('method_not_allowed', text));
  });

  await app.register(websocket, {
    options: { maxPayload: MAX_PUSH_BYTES, perMessageDeflate: false },
    // Each tail says goodbye by itself when the server stops.
    preClose: (done) => done(),
    errorHandler: (error, socket) => {
      app.log.error({ err: error }, 'a socket failed');
      socket.terminate();
    },
  });
  const context: Context = { queues, tails: new Tails(), stopping, log: app.log };
  addQueueRoutes(app, context);
  addPushRoutes(app, context);
  addReadRoutes(app, context);
  addTailRoutes(app, context);
  return app;
}

/** Every route of the application, as it is added: what a request to a known path with another method is told. */
function collectRoutes(app: FastifyInstance): Array<{ method: string; pattern: RegExp }> {
  const routes: Array<{ method: string; pattern: RegExp }> = [];
  app.addHook('onRoute', ({ method, url }) => {
    const pattern = new RegExp(`^${url.replace(/:\w+/g, '[^/]+')}$`);
    for (const one of [method].flat()) routes.push({ method: one, pattern });
  });
  return routes;
}

/** Our own errors as they are; what fastify refuses, by its code; anything else is ours to mend. */
function toRoteraError(error: FastifyError): RoteraError {
  if (isRoteraError(error)) return error;
  const options = { cause: error };
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const text = `The body is longer than ${MAX_PUSH_BYTES} bytes: send several pushes.`;
    return new RoteraError('push_too_large', text, { maxPushBytes: MAX_PUSH_BYTES }, options);
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    const text = 'This request is not well formed: an escape in its URL, a name that is too long, or a header.';
    return new RoteraError('bad_parameter', text, {}, options);
  }
  return new RoteraError('internal', 'Something went wrong here; the log of the server says what.', {}, options);
}

function sendProblem(reply: FastifyReply, error: RoteraError): void {
  const problem = problemOf(error);
  if (problem.retryable) reply.header('retry-after', 1);
  void reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

/** A request that is no HTTP: answered in our own form, then the connection is closed. */
function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(new RoteraError('bad_parameter', 'This is not a well-formed HTTP request.'));
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${PROBLEM_TYPE}\r\n${NO_SNIFF.join(': ')}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
