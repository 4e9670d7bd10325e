/**
 * Group commit: everything that waits while one commit is being synced becomes the next one.
 */
import type { Batch } from '../batch.js';
import { RoteraError } from '../errors.js';
import { GROUP_BYTES } from './room.js';

/** Most pushes that wait, and most bytes they hold: bounds the memory of a slow disk. 64 MiB is four of the largest pushes. */
export const MAX_WAITING_PUSHES = 65_536;
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;

interface Waiting {
  readonly batch: Batch;
  readonly resolve: (first: number) => void;
  readonly reject: (error: unknown) => void;
}

export interface CommitterOptions {
  /** Makes a group durable, in order; resolves to the id of its first message. */
  readonly commit: (batches: readonly Batch[]) => Promise<number>;
  /** A group is closed before it holds more messages or payload bytes than this, so that none rotates out its own. */
  readonly maxMessages: number;
  readonly maxBytes: number;
}

/** Serialises pushes into group commits. */
export class Committer {
  readonly #commit: CommitterOptions['commit'];
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;

  constructor(options: CommitterOptions) {
    this.#commit = options.commit;
    this.#maxMessages = options.maxMessages;
    this.#maxBytes = Math.min(GROUP_BYTES, options.maxBytes);
  }

  /** Pushes that wait for the next commit. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves to the id of the batch's first message once it is durable. @throws `overloaded`; what the commit throws. */
  push(batch: Batch): Promise<number> {
    if (
      this.#waiting.length >= MAX_WAITING_PUSHES ||
      (this.#waiting.length > 0 && this.#waitingBytes + batch.records.length > MAX_WAITING_BYTES)
    ) {
      const text = `${this.#waiting.length} pushes (${this.#waitingBytes} bytes) wait for the disk already. Try again later.`;
      return Promise.reject(new RoteraError('overloaded', text));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batch, resolve, reject });
      this.#waitingBytes += batch.records.length;
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits and nothing is being committed. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        let first = await this.#commit(group.map(({ batch }) => batch));
        for (const { batch, resolve } of group) {
          resolve(first);
          first += batch.count;
        }
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = undefined;
  }

  #takeGroup(): Waiting[] {
    let taken = 0;
    let messages = 0;
    let bytes = 0;
    for (const { batch } of this.#waiting) {
      messages += batch.count;
      bytes += batch.bytes;
      if (taken > 0 && (messages > this.#maxMessages || bytes > this.#maxBytes)) break;
      this.#waitingBytes -= batch.records.length;
      taken++;
    }
    return this.#waiting.splice(0, taken);
  }
}
