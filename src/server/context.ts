/**
 * What every route group of the server gets.
 */
import type { FastifyBaseLogger } from 'fastify';
import type { Verb } from '../protocol/api.js';
import type { Queues } from '../queue/queues.js';
import type { Token } from '../tokens.js';
import type { Access } from './access.js';
import type { Arrivals } from './arrivals.js';
import type { ServerLimits } from './limits.js';
import type { Metrics } from './metrics.js';
import type { Origins } from './origins.js';
import type { Tails } from './tails.js';
import type { Tracing } from './tracing.js';
import type { Unsent } from './unsent.js';
import type { Windows } from './window.js';

export interface Context {
  readonly queues: Queues;
  readonly tails: Tails;
  readonly metrics: Metrics;
  /** Only when somebody wants spans. */
  readonly tracing: Tracing | undefined;
  readonly windows: Windows;
  readonly arrivals: Arrivals;
  readonly unsent: Unsent;
  readonly access: Access;
  readonly origins: Origins;
  readonly limits: ServerLimits;
  /** Whether all queues that are there at the start are open. */
  readonly isReady: () => boolean;
  /** Aborted when the server begins to stop. */
  readonly stopping: AbortSignal;
  readonly log: FastifyBaseLogger;
  /** ms since the epoch. */
  readonly now: () => number;
}

/** Type of the routes below `/queues/:queue`. */
export interface QueueRoute {
  Params: { queue: string };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The operation that a route is: what a token must allow. */
    verb?: Verb;
    /** Whether the route changes something: then pages of other origins are refused. */
    changes?: boolean;
    /** Whether it is open to everyone, without a token. */
    open?: boolean;
    /** Whether it is answered while the server starts and stops, too. */
    always?: boolean;
    /** Whether it can be upgraded to a WebSocket. */
    socket?: boolean;
  }

  interface FastifyRequest {
    /** Set where tokens are asked for. */
    token: Token | undefined;
  }
}
