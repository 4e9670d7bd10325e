/**
 * The tails that are open: counted and bounded, and what they share.
 */
import { RoteraError } from '../errors.js';
import type { Queue } from '../queue/queue.js';
import type { ReadResult } from '../queue/read.js';

/** Encoded pieces kept of each queue: tails that follow live all ask for the same few. */
const KEPT_PIECES = 4;

export interface TailLimits {
  /** Most tails open at the server. */
  readonly maxTails: number;
  /** Most of them with one token. */
  readonly maxTailsPerToken: number;
}

export class Tails {
  readonly #limits: TailLimits;
  readonly #byQueue = new WeakMap<Queue, number>();
  readonly #byToken = new Map<string, number>();
  readonly #pieces = new WeakMap<Queue, Map<string, unknown>>();
  #open = 0;

  constructor(limits: TailLimits) {
    this.#limits = limits;
  }

  /** Tails open on a queue. */
  count(queue: Queue): number {
    return this.#byQueue.get(queue) ?? 0;
  }

  /** Counts one more until the answer is called. @param token its name, if any @throws `too_many_tails` */
  add(queue: Queue, token: string | undefined): () => void {
    const { maxTails, maxTailsPerToken } = this.#limits;
    const ofToken = token === undefined ? 0 : (this.#byToken.get(token) ?? 0);
    if (this.#open >= maxTails)
      throw new RoteraError('too_many_tails', `${maxTails} tails are open, the most of this server.`);
    if (ofToken >= maxTailsPerToken) {
      throw new RoteraError(
        'too_many_tails',
        `${maxTailsPerToken} tails are open with this token, the most it may have.`,
      );
    }
    this.#change(queue, token, 1);
    let counted = true;
    return () => {
      if (counted) this.#change(queue, token, -1);
      counted = false;
    };
  }

  /** Encodes a piece once for all tails that deliver it in the same form. @param encode must depend on nothing else */
  encoded<T>(queue: Queue, form: string, result: ReadResult, encode: (result: ReadResult) => T): T {
    const pieces = this.#pieces.get(queue) ?? new Map<string, unknown>();
    this.#pieces.set(queue, pieces);
    const key = `${form}/${result.first}/${result.next}`;
    const known = pieces.get(key) as T | undefined;
    if (known !== undefined) return known;
    const piece = encode(result);
    // Only what other tails will ask for: the newest messages.
    if (result.upToDate) pieces.set(key, piece);
    for (const oldest of pieces.keys()) {
      if (pieces.size <= KEPT_PIECES) break;
      pieces.delete(oldest);
    }
    return piece;
  }

  #change(queue: Queue, token: string | undefined, by: number): void {
    this.#open += by;
    this.#byQueue.set(queue, this.count(queue) + by);
    if (token === undefined) return;
    const ofToken = (this.#byToken.get(token) ?? 0) + by;
    if (ofToken > 0) this.#byToken.set(token, ofToken);
    else this.#byToken.delete(token);
  }
}
