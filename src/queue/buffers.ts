/**
 * Large buffers, of blocks and of what is pushed, used again. One that is made anew for each commit costs page faults, and its
 * memory, which lies outside of the heap, drives the garbage collector: both cost more than writing the block.
 */

/** Capacities of buffers that are used again: powers of two, from what small commits are folded into up to a whole block. */
export const LEAST_BYTES = 32 * 1024;
export const MOST_BYTES = 1024 * 1024;
/** Most memory kept for later use, by a whole process: what a few queues write at once. */
const KEPT_BYTES = 8 * 1024 * 1024;

class Buffers {
  readonly #free = new Map<number, Buffer[]>();
  #bytes = 0;

  /** A buffer of at least so many bytes, with anything in it. */
  take(bytes: number): Buffer {
    // A queue of few bytes has blocks of a few bytes each, thousands of them for one push: a large buffer for each would be gigabytes.
    if (bytes <= LEAST_BYTES / 2) return Buffer.allocUnsafeSlow(bytes);
    let capacity = LEAST_BYTES;
    while (capacity < bytes) capacity *= 2;
    // Never a pooled buffer: lmdb reads it until the commit is done.
    if (capacity > MOST_BYTES) return Buffer.allocUnsafeSlow(bytes);
    const free = this.#free.get(capacity)?.pop();
    if (free === undefined) return Buffer.allocUnsafeSlow(capacity);
    this.#bytes -= capacity;
    return free;
  }

  /** Gives a buffer back that nobody else can see. */
  give(buffer: Buffer): void {
    const { length } = buffer;
    const isOurs = length >= LEAST_BYTES && length <= MOST_BYTES && Number.isInteger(Math.log2(length));
    if (!isOurs || this.#bytes + length > KEPT_BYTES) return;
    const free = this.#free.get(length) ?? [];
    this.#free.set(length, free);
    free.push(buffer);
    this.#bytes += length;
  }
}

/** For all queues of the process. */
export const buffers = new Buffers();
