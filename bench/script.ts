/**
 * What a load generator sends, encoded before the clock starts: operations back to back in one buffer, sent again and again.
 */
export class Script {
  readonly #bytes: Buffer;
  readonly #offsets: readonly number[];
  #at = 0;

  /** @param operations each encoded for the wire */
  constructor(operations: readonly Uint8Array[]) {
    this.#bytes = Buffer.concat(operations);
    let offset = 0;
    this.#offsets = [0, ...operations.map(({ length }) => (offset += length))];
  }

  /** The next `count` operations, as few pieces as possible: views, never changed. */
  next(count: number): Buffer[] {
    const pieces: Buffer[] = [];
    const length = this.#offsets.length - 1;
    for (let left = count; left > 0; ) {
      const taken = Math.min(left, length - this.#at);
      pieces.push(this.#bytes.subarray(this.#offsets[this.#at], this.#offsets[this.#at + taken]));
      this.#at = (this.#at + taken) % length;
      left -= taken;
    }
    return pieces;
  }
}
