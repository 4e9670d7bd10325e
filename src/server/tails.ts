/**
 * The tails that are open: counted and bounded, and what they share.
 */
import { LRUCache } from 'lru-cache';
import { RoteraError } from '../errors.js';
import type { Queue } from '../queue/queue.js';
import type { ReadResult } from '../queue/read.js';
import type { ServerLimits } from './limits.js';

/** Encoded pieces kept: those that tails of one queue share when they follow live, or come back together after a restart. */
const KEPT_BYTES = 32 * 1024 * 1024;
/** What a piece costs beyond its bytes. */
const PIECE_OVERHEAD_BYTES = 256;

type Piece = readonly Buffer[];

const sizeOf = (piece: Piece): number => piece.reduce((sum, { length }) => sum + length, PIECE_OVERHEAD_BYTES);

export class Tails {
  readonly #limits: Pick<ServerLimits, 'maxTails' | 'maxTailsPerToken'>;
  readonly #byQueue = new WeakMap<Queue, number>();
  readonly #byToken = new Map<string, number>();
  readonly #pieces = new LRUCache<string, Piece>({ maxSize: KEPT_BYTES, sizeCalculation: sizeOf });
  #open = 0;

  constructor(limits: Pick<ServerLimits, 'maxTails' | 'maxTailsPerToken'>) {
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
  encoded(queue: Queue, form: string, result: ReadResult, encode: (result: ReadResult) => Piece): Piece {
    const key = `${form}/${queue.epoch}/${result.first}/${result.next}`;
    const known = this.#pieces.get(key);
    if (known !== undefined) return known;
    const piece = encode(result);
    this.#pieces.set(key, piece);
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
