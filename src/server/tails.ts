/**
 * The tails that are open: counted and bounded, and what they share.
 */
import { RoteraError } from '../errors.js';
import type { Queue } from '../queue/queue.js';
import type { Gap, ReadResult } from '../queue/read.js';
import type { ServerLimits } from './limits.js';
import type { Metrics } from './metrics.js';
import { Pieces } from './pieces.js';

/** A tail whose client has not taken a piece for so long is slow. */
const SLOW_MS = 1000;

/** One open tail, as far as others want to know of it. */
export class OpenTail {
  /** Since when the client is taking the last piece, on the monotonic clock; undefined when it has taken it. ms. */
  #givingSince: number | undefined;

  constructor(
    readonly queue: Queue,
    readonly metrics: Metrics,
    /** To be called when it ends; again is no harm. */
    readonly leave: () => void,
  ) {}

  /** The client is given something. */
  give(): void {
    this.#givingSince = performance.now();
  }

  /** The client has taken a piece. */
  gave(result: ReadResult): void {
    this.#givingSince = undefined;
    this.metrics.delivered(this.queue, result);
  }

  /** The client was told a gap. */
  gaveGap({ reason }: Gap): void {
    this.#givingSince = undefined;
    this.metrics.gapTold(this.queue, reason);
  }

  isSlow(now: number): boolean {
    return this.#givingSince !== undefined && now - this.#givingSince >= SLOW_MS;
  }
}

export class Tails {
  readonly #metrics: Metrics;
  readonly #limits: Pick<ServerLimits, 'maxTails' | 'maxTailsPerToken'>;
  readonly #byQueue = new WeakMap<Queue, number>();
  readonly #byToken = new Map<string, number>();
  readonly #pieces = new Pieces();
  readonly #open = new Set<OpenTail>();

  constructor(limits: Pick<ServerLimits, 'maxTails' | 'maxTailsPerToken'>, metrics: Metrics) {
    this.#limits = limits;
    this.#metrics = metrics;
  }

  /** Tails open. */
  get open(): number {
    return this.#open.size;
  }

  /** How many tails of each queue are slow, where any is. */
  slow(): Map<Queue, number> {
    const slow = new Map<Queue, number>();
    const now = performance.now();
    for (const tail of this.#open) if (tail.isSlow(now)) slow.set(tail.queue, (slow.get(tail.queue) ?? 0) + 1);
    return slow;
  }

  /** Tails open on a queue. */
  count(queue: Queue): number {
    return this.#byQueue.get(queue) ?? 0;
  }

  /** Counts one more until it leaves. @param token its name, if any @throws `too_many_tails` */
  add(queue: Queue, token: string | undefined): OpenTail {
    const { maxTails, maxTailsPerToken } = this.#limits;
    const ofToken = token === undefined ? 0 : (this.#byToken.get(token) ?? 0);
    if (this.#open.size >= maxTails)
      throw new RoteraError('too_many_tails', `${maxTails} tails are open, the most of this server.`);
    if (ofToken >= maxTailsPerToken) {
      throw new RoteraError(
        'too_many_tails',
        `${maxTailsPerToken} tails are open with this token, the most it may have.`,
      );
    }
    const tail = new OpenTail(queue, this.#metrics, () => {
      if (this.#open.delete(tail)) this.#change(queue, token, -1);
    });
    this.#open.add(tail);
    this.#change(queue, token, 1);
    return tail;
  }

  /** Encodes a piece once for all tails that deliver it in the same form. @param encode must depend on nothing else */
  encoded(queue: Queue, form: string, result: ReadResult, encode: (result: ReadResult) => Buffer): Buffer {
    const key = `${form}/${queue.epoch}/${result.first}/${result.next}/${result.upToDate}`;
    const known = this.#pieces.get(key);
    if (known !== undefined) return known;
    const piece = encode(result);
    if (this.count(queue) > 1) this.#pieces.set(key, piece);
    return piece;
  }

  #change(queue: Queue, token: string | undefined, by: number): void {
    this.#byQueue.set(queue, this.count(queue) + by);
    if (token === undefined) return;
    const ofToken = (this.#byToken.get(token) ?? 0) + by;
    if (ofToken > 0) this.#byToken.set(token, ofToken);
    else this.#byToken.delete(token);
  }
}
