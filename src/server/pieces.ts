/**
 * Encoded pieces of queues that many tails deliver, to be encoded once.
 */
import { LRUCache } from 'lru-cache';

/** Bytes kept: what tails of one queue share when they follow live, or come back together after a restart. */
const KEPT_BYTES = 8 * 1024 * 1024;
/** What a piece costs beyond its bytes. */
const PIECE_OVERHEAD_BYTES = 512;

const sizeOf = ({ length }: Buffer): number => length + PIECE_OVERHEAD_BYTES;

/** In memory of its own: a small buffer is a part of a larger one, which it would keep. */
function ofItsOwn(piece: Buffer): Buffer {
  if (piece.buffer.byteLength === piece.length) return piece;
  const own = Buffer.allocUnsafeSlow(piece.length);
  piece.copy(own);
  return own;
}

/** Pieces by key. */
export class Pieces {
  readonly #kept = new LRUCache<string, Buffer>({ maxSize: KEPT_BYTES, sizeCalculation: sizeOf });
  /** Too large to be kept: at hand as long as somebody holds them anyway, as a socket does that has not taken all of one. */
  readonly #held = new Map<string, WeakRef<Buffer>>();
  readonly #freed = new FinalizationRegistry<string>((key) => {
    // Unless it was encoded anew meanwhile.
    if (this.#held.get(key)?.deref() === undefined) this.#held.delete(key);
  });

  get(key: string): Buffer | undefined {
    return this.#kept.get(key) ?? this.#held.get(key)?.deref();
  }

  set(key: string, piece: Buffer): void {
    if (sizeOf(piece) <= KEPT_BYTES) {
      this.#kept.set(key, ofItsOwn(piece));
      return;
    }
    this.#held.set(key, new WeakRef(piece));
    this.#freed.register(piece, key);
  }
}
