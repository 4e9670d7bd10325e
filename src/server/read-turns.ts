/**
 * Reads that become possible all in the same turn of the event loop, since a push wakes them, one commit stores the acks before
 * them, or one client sends many at once: made one after the other, and in each turn only so many. So others are served in
 * between, and what was read is sent before more is.
 */
import type { ReadResult } from '../queue/read.js';

/** A turn in which so much was read is over. As much as one read brings unless it asks for more. */
const TURN_BYTES = 1024 * 1024;

export class ReadTurns {
  readonly #waiting: Array<() => void> = [];
  /** Read in this turn, and in those before it while they brought little: so a small read costs no turn to be counted anew. */
  #bytes = 0;

  /**
   * Reads when it is its turn: at once, unless others before it have read much. @param bytesOf how much it has brought
   * @throws what `read` throws
   */
  read<T>(read: () => T, bytesOf: (result: T) => number): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          const result = read();
          this.#bytes += bytesOf(result);
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

/** How many bytes a read has brought, in its records. */
export function readBytes({ slices }: ReadResult): number {
  let bytes = 0;
  for (const { records } of slices) bytes += records.length;
  return bytes;
}
