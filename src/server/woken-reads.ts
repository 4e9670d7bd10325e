/**
 * Reads that one push wakes, all in the same turn of the event loop: made one after the other, and in each turn only so many.
 * So what one brings is sent, and counted as such, before the next asks what it may bring; and others are served in between.
 */
import type { ReadResult } from '../queue/read.js';

/** A turn in which so much was read is over. As much as one read brings unless it asks for more. */
const TURN_BYTES = 1024 * 1024;

export class WokenReads {
  readonly #waiting: Array<() => void> = [];
  /** Read in this turn, and in those before it while they brought little. */
  #bytes = 0;

  /** Reads when it is its turn: at once, unless others before it have read much. @throws what `read` throws */
  read(read: () => ReadResult): Promise<ReadResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          const result = read();
          for (const { records } of result.slices) this.#bytes += records.length;
          resolve(result);
        } catch (error) {
          reject(error);
        }
      });
      if (this.#bytes < TURN_BYTES) this.#work();
    });
  }

  #work(): void {
    while (this.#bytes < TURN_BYTES) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      next();
    }
    setImmediate(() => {
      this.#bytes = 0;
      this.#work();
    });
  }
}
