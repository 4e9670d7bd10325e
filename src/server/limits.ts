/**
 * Bounds of the network side; every one has a reason. Times in ms.
 */
import { SERVER_LIMITS } from '../protocol/api.js';

export interface ServerLimits {
  /** A connection that says nothing for so long is closed; longer than the longest poll (60 s). */
  readonly idleMs: number;
  /** Headers must arrive within so long. */
  readonly headersMs: number;
  /** A whole request must: 17 MiB at 150 KB/s. */
  readonly requestMs: number;
  /** And its body must after so long have come at 1 KiB a second or faster, whatever its length. */
  readonly slowBodyMs: number;
  /** An answer to a read of which nothing is taken for so long is cut: half of the time that it may stand still, as Node looks. */
  readonly untakenMs: number;
  /** A kept connection waits so long for the next request; longer than usual proxies do. */
  readonly keepAliveMs: number;
  /** A ping or a comment is sent each time so long has passed; a WebSocket that is silent to two pings is cut, unless something waits for it to take it. */
  readonly heartbeatMs: number;
  /** A tail or a pusher for which something waits, and that has taken nothing of it for so long, is cut. */
  readonly stalledMs: number;
  /** Longest path and query of a request. */
  readonly maxUrlBytes: number;
  /** Longest head of a request: its line and its headers. */
  readonly maxHeaderBytes: number;
  /** Longest body of a push, and longest frame. */
  readonly maxPushBytes: number;
  /** Most that may arrive at the same time, of all clients: fifteen of the longest pushes, on a machine with 1 GiB. */
  readonly maxArrivingBytes: number;
  readonly maxConnections: number;
  /** Most tails open at the server, and most of them with one token. */
  readonly maxTails: number;
  readonly maxTailsPerToken: number;
}

export const LIMITS: ServerLimits = Object.freeze({
  idleMs: 90_000,
  headersMs: 10_000,
  requestMs: 120_000,
  slowBodyMs: 10_000,
  untakenMs: 8000,
  keepAliveMs: 75_000,
  heartbeatMs: 15_000,
  stalledMs: 60_000,
  maxUrlBytes: 8 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxArrivingBytes: 256 * 1024 * 1024,
  ...SERVER_LIMITS,
});
