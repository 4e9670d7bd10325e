/**
 * The pieces of a body as they come. A client may send its bytes one by one, and each piece is an object of some hundred bytes:
 * small ones are put together at once, so that the memory held is in proportion to the bytes.
 */

/** A piece of at least so many bytes is kept as it is. */
const LARGE_BYTES = 4096;
/** Smaller ones are put together in buffers as long as all that has come before, within these bounds. */
const LEAST_BYTES = 1024;
const MOST_BYTES = 64 * 1024;
/** What a buffer costs beside its bytes. */
const BUFFER_BYTES = 400;

const NONE = Buffer.alloc(0);

export class Gathered {
  readonly #parts: Buffer[] = [];
  /** The last of the parts, as long as small pieces are put together in it. */
  #open = NONE;
  #used = 0;
  #bytes = 0;

  /** @returns how much more memory is held than before */
  add(piece: Buffer): number {
    const { length } = piece;
    this.#bytes += length;
    if (this.#used + length <= this.#open.length) {
      this.#open.set(piece, this.#used);
      this.#used += length;
      return 0;
    }
    this.#close();
    // The first is nearly always all there is.
    if (length >= LARGE_BYTES || this.#parts.length === 0) {
      this.#parts.push(piece);
      return length + BUFFER_BYTES;
    }
    this.#open = Buffer.allocUnsafeSlow(Math.min(MOST_BYTES, Math.max(LEAST_BYTES, this.#bytes)));
    this.#parts.push(this.#open);
    this.#open.set(piece);
    this.#used = length;
    return this.#open.length + BUFFER_BYTES;
  }

  /** All of it. A single piece as it is: what Node's parser hands over belongs to nobody else. */
  whole(): Buffer {
    this.#close();
    return this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts, this.#bytes);
  }

  #close(): void {
    if (this.#used > 0) this.#parts.push((this.#parts.pop() as Buffer).subarray(0, this.#used));
    this.#open = NONE;
    this.#used = 0;
  }
}
