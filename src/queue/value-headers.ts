/**
 * Keeps LMDB from trusting damaged headers of values that were stored before this process: see `mendHeaders`. What this
 * process wrote itself needs no second look, so that this costs nothing once a queue has rotated through.
 */
import { closeSync, openSync } from 'node:fs';
import { RoteraError } from '../errors.js';
import { blockKey, keyFirst } from './block-store.js';
import type { Chunk } from './layout.js';
import { mendHeaders } from './pages/values.js';

export class ValueHeaders {
  #fd: number | undefined;
  readonly #writtenFrom: number;

  /** @param writtenFrom the first id that this process gives @throws what the system throws when the file cannot be opened */
  constructor(path: string, writtenFrom: number) {
    this.#fd = openSync(path, 'r+');
    this.#writtenFrom = writtenFrom;
  }

  /**
   * To be called before each commit, with what it removes and stores.
   * @throws `queue_unreadable` when the file is damaged beyond the headers: the commit must not be made
   */
  mend(gone: readonly Buffer[], chunks: readonly Chunk[] = []): void {
    if (this.#fd === undefined) return;
    this.#mend(gone.filter((key) => keyFirst(key) < this.#writtenFrom));
    this.#mend(
      chunks.filter(({ first }) => first < this.#writtenFrom).map(({ first, chunk }) => blockKey(first, chunk)),
    );
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** @param keys in order */
  #mend(keys: readonly Buffer[]): void {
    const [from] = keys;
    const to = keys.at(-1);
    if (this.#fd === undefined || from === undefined || to === undefined) return;
    const mended = mendHeaders(this.#fd, 'blocks', from, to);
    if (!('ok' in mended)) return;
    const text = `The file was damaged since it was opened: ${mended.reason}. Look at it with rotera check.`;
    throw new RoteraError('queue_unreadable', text, { fault: mended.fault });
  }
}
