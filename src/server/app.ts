/**
 * The HTTP application: routes, limits, error answers, who may use it. Does not listen.
 */
import type { ServerOptions as TlsOptions } from 'node:https';
import cors from '@fastify/cors';
import websocket from '@fastify/websocket';
import fastify, { type FastifyError, type FastifyInstance, type FastifyServerOptions, LogController } from 'fastify';
import { RoteraError } from '../errors.js';
import { MAX_PUSH_BYTES } from '../protocol/api.js';
import type { Queues } from '../queue/queues.js';
import { Access, allows } from './access.js';
import { EXPOSED_HEADERS, setQueueHeaders } from './answers.js';
import type { Context } from './context.js';
import { addOpsRoutes } from './ops-routes.js';
import { Origins } from './origins.js';
import { NO_SNIFF, refuseMalformed, sendProblem, toRoteraError } from './problems.js';
import { addPushRoutes } from './push-routes.js';
import { addQueueRoutes } from './queue-routes.js';
import { addReadRoutes } from './read-routes.js';
import { chooseProtocol, keepAlive } from './sockets.js';
import { stopGracefully } from './stop.js';
import { addTailRoutes } from './tail-routes.js';
import { Tails } from './tails.js';

/** RFC 9110, section 8.3.1, as far as fastify would refuse anything else. */
const MEDIA_TYPE = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;|$)/;

/** Bounds of the network side; every one has a reason. */
export const LIMITS = {
  /** A connection that says nothing for so long is closed; longer than the longest poll (60 s). */
  idleMs: 90_000,
  /** Headers must arrive within so long. */
  headersMs: 10_000,
  /** A whole request must: 17 MiB at 150 KB/s. */
  requestMs: 120_000,
  /** A kept connection waits so long for the next request; longer than usual proxies do. */
  keepAliveMs: 75_000,
  maxHeaderBytes: 16 * 1024,
  maxConnections: 20_000,
  maxTails: 10_000,
  maxTailsPerToken: 2_000,
} as const;

export interface AppOptions {
  readonly queues: Queues;
  /** ms since the epoch. */
  readonly now?: () => number;
  /** As pino takes it; false for no log. */
  readonly logger?: FastifyServerOptions['logger'];
  /** Who may do what; without it, everyone who can connect may do all. */
  readonly access?: Access;
  /** Whether it will listen on loopback only: then the Host must be a loopback name. */
  readonly loopback?: boolean;
  readonly allowedHosts?: readonly string[];
  readonly corsOrigins?: readonly string[];
  /** Serves HTTPS. */
  readonly tls?: Pick<TlsOptions, 'cert' | 'key'>;
  readonly limits?: Partial<typeof LIMITS>;
}

/**
 * An application that has not begun to listen. `close()` tells the tails, finishes the requests that are under way, refuses new
 * ones with `draining`, and cuts what is left a few seconds later.
 */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { queues, now = Date.now, tls } = options;
  const limits = { ...LIMITS, ...options.limits };
  const app = fastify({
    logger: options.logger ?? false,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_PUSH_BYTES,
    connectionTimeout: limits.idleMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    exposeHeadRoutes: false,
    // A queue name in an URL may have every character escaped.
    routerOptions: { maxParamLength: 400 },
    forceCloseConnections: 'idle',
    // Refused in our own form (stop.ts).
    return503OnClosing: false,
    clientErrorHandler: refuseMalformed,
    // What the router refuses before any hook or handler of ours is called.
    frameworkErrors: (error, _request, reply) => sendProblem(reply.header(...NO_SNIFF), toRoteraError(error)),
    ...(tls === undefined
      ? {
          http: {
            headersTimeout: limits.headersMs,
            maxHeaderSize: limits.maxHeaderBytes,
            connectionsCheckingInterval: 2000,
          },
        }
      : { https: { ...tls, headersTimeout: limits.headersMs, maxHeaderSize: limits.maxHeaderBytes } }),
  } as FastifyServerOptions) as unknown as FastifyInstance;
  app.server.maxConnections = limits.maxConnections;
  const stopping = stopGracefully(app);
  const context: Context = {
    queues,
    tails: new Tails(limits),
    access: options.access ?? new Access(),
    origins: new Origins({
      loopback: options.loopback ?? true,
      allowedHosts: options.allowedHosts ?? [],
      corsOrigins: options.corsOrigins ?? [],
    }),
    stopping,
    log: app.log,
    now,
  };
  addBodies(app);
  addRefusals(app, context);
  await addSockets(app);
  await addGuards(app, context);
  for (const add of [addQueueRoutes, addPushRoutes, addReadRoutes, addTailRoutes, addOpsRoutes]) add(app, context);
  return app;
}

/** Bodies are bytes: what they mean is up to each route. */
function addBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  // A push takes a body of any type, and one that is not even a media type as a body of none.
  app.addHook('onRequest', async ({ raw }) => {
    if (!MEDIA_TYPE.test(raw.headers['content-type'] ?? '')) delete raw.headers['content-type'];
  });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onSend', async (_request, reply) => {
    reply.header(...NO_SNIFF);
  });
}

/** Who may use a route, and from which page. */
async function addGuards(app: FastifyInstance, { access, origins }: Context): Promise<void> {
  app.decorateRequest('token', undefined);
  app.addHook('onRequest', async (request) => {
    origins.checkHost(request.raw.rawHeaders);
    const { verb, changes } = request.routeOptions.config;
    if (changes === true || request.ws) origins.checkOrigin(request.headers);
    if (request.routeOptions.config.open === true || request.method === 'OPTIONS') return;
    request.token = access.identify(request.headers);
    if (verb === undefined) return;
    const { queue } = request.params as { queue?: string };
    if (allows(request.token, verb, queue)) return;
    throw new RoteraError(
      'forbidden',
      `This token does not allow to ${verb}${queue === undefined ? '' : ` ${queue}`}.`,
    );
  });
  if (origins.options.corsOrigins.length === 0) return;
  await app.register(cors, {
    origin: (origin, done) => done(null, origins.allowsPage(origin)),
    methods: ['GET', 'HEAD', 'PUT', 'POST'],
    exposedHeaders: [...EXPOSED_HEADERS],
    maxAge: 3600,
  });
}

async function addSockets(app: FastifyInstance): Promise<void> {
  await app.register(websocket, {
    options: { maxPayload: MAX_PUSH_BYTES, perMessageDeflate: false, handleProtocols: chooseProtocol },
    // Each socket says goodbye by itself when the server stops.
    preClose: (done) => done(),
    errorHandler: (error, socket) => {
      app.log.error({ err: error }, 'a socket failed');
      socket.terminate();
    },
  });
  app.addHook('onClose', keepAlive(app.websocketServer));
}

function addRefusals(app: FastifyInstance, { queues }: Context): void {
  const routes = collectRoutes(app);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const known = toRoteraError(error);
    if (known.code === 'internal') request.log.error({ err: error }, 'unexpected error');
    const { queue } = request.params as { queue?: string };
    const subject = queue === undefined ? undefined : queues.find(queue);
    // Not to those who may not know of it.
    const mayKnow = known.code !== 'unauthorized' && known.code !== 'forbidden';
    if (subject !== undefined && mayKnow) setQueueHeaders(reply, subject);
    sendProblem(reply, known);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] as string;
    const allow = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (allow.length === 0) {
      sendProblem(reply, new RoteraError('not_found', 'There is nothing here: the API is below /queues.'));
      return;
    }
    const text = `${request.method} is not allowed here; allowed: ${allow.join(', ')}.`;
    sendProblem(reply.header('allow', allow.join(', ')), new RoteraError('method_not_allowed', text));
  });
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
