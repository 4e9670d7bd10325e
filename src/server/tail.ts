/**
 * The tail: a queue followed from some place on, live, in order, without a hole and without a double.
 *
 * Consumers always read from the queue; a commit only wakes them. So there is no hand-over from history to live, and a slow
 * consumer costs one piece of messages: the next is read when its socket has taken the last.
 */
import type { Queue } from '../queue/queue.js';
import type { Gap, ReadResult } from '../queue/read.js';

/** Most messages and payload bytes of one piece: bounds what a slow socket holds. */
const PIECE_MESSAGES = 1000;
const PIECE_BYTES = 256 * 1024;

export type TailEvent =
  | { readonly type: 'gap'; readonly gap: Gap }
  | { readonly type: 'messages'; readonly result: ReadResult }
  | { readonly type: 'up-to-date'; readonly next: number };

/** Ends when `signal` aborts or the queue is closed. @throws what a read throws */
export async function* follow(queue: Queue, from: number, signal: AbortSignal): AsyncGenerator<TailEvent> {
  let place = from;
  let told = false;
  while (!signal.aborted && queue.ended === undefined) {
    const result = queue.read({ from: place, limit: PIECE_MESSAGES, maxBytes: PIECE_BYTES });
    if (result.gap !== null) yield { type: 'gap', gap: result.gap };
    if (result.count > 0) {
      told = false;
      yield { type: 'messages', result };
    }
    place = result.next;
    if (result.next < queue.next) continue;
    if (!told) yield { type: 'up-to-date', next: result.next };
    told = true;
    await queue.waitFor(result.next, signal);
  }
}

/** Counts the tails that are open on each queue. */
export class Tails {
  readonly #counts = new WeakMap<Queue, number>();

  count(queue: Queue): number {
    return this.#counts.get(queue) ?? 0;
  }

  /** Counts one more until the answer is called. */
  add(queue: Queue): () => void {
    this.#counts.set(queue, this.count(queue) + 1);
    return () => {
      this.#counts.set(queue, this.count(queue) - 1);
    };
  }
}
