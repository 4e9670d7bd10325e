/**
 * The HTTP application: routes, limits, error answers, who may use it. Does not listen.
 */
import type { EventEmitter } from 'node:events';
import { type IncomingMessage, METHODS, type Server } from 'node:http';
import type { ServerOptions as TlsOptions } from 'node:https';
import { Socket } from 'node:net';
import websocket from '@fastify/websocket';
import fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
  LogController,
} from 'fastify';
import type { Queues } from '../queue/queues.js';
import { Access } from './access.js';
import { Arrivals } from './arrivals.js';
import { addBodies } from './bodies.js';
import { Connections } from './connections.js';
import type { Context } from './context.js';
import { addGuards } from './guards.js';
import { LIMITS, type ServerLimits } from './limits.js';
import { Malformed } from './malformed.js';
import { Metrics } from './metrics.js';
import { addOpsRoutes } from './ops-routes.js';
import { Origins } from './origins.js';
import { addPageRoutes } from './page-routes.js';
import { beginInTurn } from './pipelines.js';
import { NO_SNIFF, sendProblem, toRoteraError } from './problems.js';
import { addPushRoutes } from './push-routes.js';
import { addQueueRoutes } from './queue-routes.js';
import { addReadRoutes } from './read-routes.js';
import { addRefusals } from './refusals.js';
import { logRequests, requestIds } from './requests.js';
import { boundEach, chooseProtocol, keepAlive } from './sockets.js';
import { stopGracefully } from './stop.js';
import { addTailRoutes } from './tail-routes.js';
import { Tails } from './tails.js';
import { Tracing } from './tracing.js';
import { Unsent } from './unsent.js';
import { upgradesOf } from './upgrades.js';
import { Windows } from './window.js';

/** Longest time between two looks for requests that take too long. */
const MOST_CHECK_MS = 2000;
/** Most fragments of one message: each costs some memory beside its bytes. 4 MiB in pieces of 64 bytes are accepted. */
const MAX_FRAGMENTS = 100_000;
/** A peer that does not answer a close frame is cut after so long. */
const CLOSE_MS = 5000;

export interface AppOptions {
  readonly queues: Queues;
  /** ms since the epoch. */
  readonly now?: () => number;
  /** Whether all queues are open; until then what needs one is refused with `starting`. Without it, they are. */
  readonly isReady?: () => boolean;
  /** As pino takes it; false for no log. */
  readonly logger?: FastifyServerOptions['logger'];
  /** Where is counted what happens; the same that the queues report their commits to. */
  readonly metrics?: Metrics;
  /** Who may do what; without it, everyone who can connect may do all. */
  readonly access?: Access;
  /** Whether it will listen on loopback only: then the Host must be a loopback name. */
  readonly loopback?: boolean;
  readonly allowedHosts?: readonly string[];
  readonly corsOrigins?: readonly string[];
  /** Serves HTTPS. */
  readonly tls?: Pick<TlsOptions, 'cert' | 'key'>;
  readonly limits?: Partial<ServerLimits>;
}

/**
 * An application that has not begun to listen. `close()` tells the tails, finishes the requests that are under way, refuses new
 * ones with `draining`, and cuts what is left a few seconds later.
 */
export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { queues, now = Date.now, tls } = options;
  const limits = { ...LIMITS, ...options.limits };
  const metrics = options.metrics ?? new Metrics();
  const connections = new Connections();
  const malformed = new Malformed(limits.maxHeaderBytes, connections, metrics);
  const app = fastify({
    logger: options.logger ?? false,
    genReqId: requestIds(),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.maxPushBytes,
    connectionTimeout: limits.idleMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    exposeHeadRoutes: false,
    // A queue name in an URL may have every character escaped.
    routerOptions: { maxParamLength: 400 },
    forceCloseConnections: 'idle',
    // Refused in our own form (stop.ts).
    return503OnClosing: false,
    clientErrorHandler: malformed.refuse,
    rewriteUrl: urlToRoute,
    frameworkErrors: (error: FastifyError, _request: FastifyRequest, reply: FastifyReply) =>
      refuseUnrouted(error, reply, limits, metrics),
    [tls === undefined ? 'http' : 'https']: {
      ...tls,
      headersTimeout: limits.headersMs,
      maxHeaderSize: limits.maxHeaderBytes,
      // How often the two timeouts are looked at.
      connectionsCheckingInterval: Math.min(MOST_CHECK_MS, limits.headersMs / 4),
      // Refused in our own form (origins.ts).
      requireHostHeader: false,
    },
  } as unknown as FastifyServerOptions) as unknown as FastifyInstance;
  connections.watch(app.server);
  malformed.watch(app.server);
  logRequests(app);
  app.server.maxConnections = limits.maxConnections;
  app.server.on('drop', () => metrics.dropped('too_many'));
  const stopping = stopGracefully(app, connections);
  const context: Context = {
    queues,
    tails: new Tails(limits, metrics),
    metrics,
    tracing: Tracing.start(),
    access: options.access ?? new Access(),
    origins: new Origins({
      loopback: options.loopback ?? true,
      allowedHosts: options.allowedHosts ?? [],
      corsOrigins: options.corsOrigins ?? [],
    }),
    windows: new Windows(),
    arrivals: new Arrivals(limits),
    unsent: new Unsent(limits, () => metrics.dropped('stalled')),
    limits,
    isReady: options.isReady ?? (() => true),
    stopping,
    log: app.log,
    now,
  };
  app.addHook('onClose', async () => {
    context.tracing?.flush();
    context.arrivals.close();
  });
  addBodies(app, context);
  app.addHook('onSend', (_request, reply, _payload, done) => {
    reply.header(...NO_SNIFF);
    done();
  });
  addRefusals(app, context);
  await addSockets(app, context, upgradesOf(app.server, connections, malformed));
  await addGuards(app, context);
  beginInTurn(app);
  addPageRoutes(app);
  for (const add of [addQueueRoutes, addPushRoutes, addReadRoutes, addTailRoutes, addOpsRoutes]) add(app, context);
  return app;
}

async function addSockets(app: FastifyInstance, { limits, metrics }: Context, upgrades: EventEmitter): Promise<void> {
  const options = {
    // Where upgrades are told of.
    server: upgrades as Server,
    maxFragments: MAX_FRAGMENTS,
    perMessageDeflate: false,
    handleProtocols: chooseProtocol,
    closeTimeout: CLOSE_MS,
  };
  await app.register(websocket, {
    options,
    // Each socket says goodbye by itself when the server stops.
    preClose: (done) => done(),
    // What a peer did wrong: ws has told it in a close frame, and ends the connection.
    errorHandler: (error) => app.log.debug({ err: error }, 'a socket failed'),
  });
  boundEach(app.websocketServer, limits.maxPushBytes);
  app.addHook(
    'onClose',
    keepAlive(app.websocketServer, limits, (reason) => metrics.dropped(reason)),
  );
}

const KNOWN_METHODS: ReadonlySet<string | undefined> = new Set(METHODS);

/**
 * Node's parser takes RTSP and the preface of HTTP/2 for requests too, with methods that no router knows of, not even its handler
 * of what is not found. They are sent where an URL goes that is none.
 */
function urlToRoute(request: IncomingMessage): string {
  if (KNOWN_METHODS.has(request.method)) return request.url as string;
  request.method = 'GET';
  return '/%';
}

/** What the router refuses before any hook or handler of ours is called: an URL that is none, a method of another protocol. */
function refuseUnrouted(error: FastifyError, reply: FastifyReply, limits: ServerLimits, metrics: Metrics): void {
  const known = toRoteraError(error, limits.maxPushBytes);
  metrics.refused(known.code);
  sendProblem(reply.header(...NO_SNIFF).header('connection', 'close'), known);
  // After an upgrade Node leaves the connection to us: also that of a client that does not end its own half.
  const { socket } = reply.request.raw;
  if (socket instanceof Socket) reply.raw.once('finish', () => socket.destroySoon());
}

/** An application, for those who do not know of fastify. */
export type App = FastifyInstance;
