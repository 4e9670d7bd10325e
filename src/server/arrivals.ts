/**
 * What is arriving: bodies of requests, and messages of WebSockets, of which some is still to come. Bounded in bytes for all clients
 * together, and in time for each.
 */
import { RoteraError } from '../errors.js';
import type { ServerLimits } from './limits.js';

/** Longest time between two looks for what comes too slowly. */
const MOST_LOOK_MS = 2000;

/** Something of which some is still to come. */
export interface Arrival {
  /** As `performance.now()` says it. */
  readonly since: number;
  /** The memory that what has come takes; 0 while nothing of it is kept. */
  bytes: number;
  /** Whether it has taken too long, after so many ms. */
  readonly isLate: (ms: number) => boolean;
  /** Refuses it: it is no longer held in memory, and has been removed. */
  readonly refuse: (error: RoteraError) => void;
}

export class Arrivals {
  readonly #most: number;
  /** The one that began first comes first. */
  readonly #all = new Set<Arrival>();
  #bytes = 0;
  readonly #looks: NodeJS.Timeout;

  constructor({ maxArrivingBytes, slowBodyMs, requestMs }: ServerLimits) {
    this.#most = maxArrivingBytes;
    // One look at all of them costs less than a timer for each.
    const everyMs = Math.min(MOST_LOOK_MS, slowBodyMs / 4, requestMs / 4);
    this.#looks = setInterval(() => this.#refuseLate(), everyMs).unref();
  }

  add(arrival: Arrival): void {
    this.#all.add(arrival);
    this.#bytes += arrival.bytes;
  }

  /** It is complete, or nobody waits for it any more. */
  remove(arrival: Arrival): void {
    if (this.#all.delete(arrival)) this.#bytes -= arrival.bytes;
  }

  /**
   * One takes so much more memory. When that is too much for all together, those that have been arriving for longest are refused,
   * with `overloaded`: what stands still, before what comes at once. A single one may always arrive.
   */
  grow(arrival: Arrival, bytes: number): void {
    arrival.bytes += bytes;
    this.#bytes += bytes;
    if (this.#bytes > this.#most) this.#refuseOldest(arrival);
  }

  close(): void {
    clearInterval(this.#looks);
  }

  #refuseOldest(grown: Arrival): void {
    for (const oldest of this.#all) {
      if (this.#bytes <= this.#most || this.#bytes === grown.bytes) return;
      if (oldest.bytes > 0)
        oldest.refuse(new RoteraError('overloaded', 'Clients send more at once than this server can hold. Try again.'));
    }
  }

  #refuseLate(): void {
    const now = performance.now();
    for (const arrival of [...this.#all]) {
      const ms = now - arrival.since;
      if (!arrival.isLate(ms)) continue;
      const text = `This comes too slowly: it is not complete after ${(ms / 1000).toFixed()} s. Send less at a time.`;
      arrival.refuse(new RoteraError('request_timeout', text));
    }
  }
}
