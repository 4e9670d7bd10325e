/**
 * Group commit: everything that waits while one commit is being synced becomes the next one.
 */
import { RoteraError } from '../errors.js';

/** Most writes that wait, and most bytes they hold: bounds the memory of a slow disk. 64 MiB is four of the largest pushes. */
export const MAX_WAITING_WRITES = 65_536;
export const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** How much a write brings along: what groups and the waiting line are bounded by. */
export interface Weight {
  readonly messages: number;
  /** Bytes that it holds: those of its records, as they are stored. */
  readonly bytes: number;
}

interface Waiting<W, R> {
  readonly write: W;
  readonly weight: Weight;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

export interface CommitterOptions<W, R> {
  /**
   * Makes a group durable, in order. Answers each write's result, or the error that refused it alone; throws what failed all.
   */
  readonly commit: (writes: readonly W[]) => Promise<ReadonlyArray<R | RoteraError>>;
  /** A group is closed before it weighs more than this, so that none rotates out its own messages. */
  readonly most: Weight;
}

/** Serialises writes into group commits. */
export class Committer<W, R> {
  readonly #commit: CommitterOptions<W, R>['commit'];
  readonly #most: Weight;
  #waiting: Array<Waiting<W, R>> = [];
  #waitingBytes = 0;
  #running: Promise<void> | undefined;

  constructor({ commit, most }: CommitterOptions<W, R>) {
    this.#commit = commit;
    this.#most = most;
  }

  /** Writes that wait for the next commit. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves to the write's result once it is durable. @throws `overloaded`; what refused it; what failed its group */
  write(write: W, weight: Weight): Promise<R> {
    const waiting = this.#waiting.length;
    if (waiting >= MAX_WAITING_WRITES || (waiting > 0 && this.#waitingBytes + weight.bytes > MAX_WAITING_BYTES)) {
      const text = `${waiting} pushes (${this.#waitingBytes} bytes) wait for the disk already. Try again later.`;
      return Promise.reject(new RoteraError('overloaded', text));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ write, weight, resolve, reject });
      this.#waitingBytes += weight.bytes;
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
        const results = await this.#commit(group.map(({ write }) => write));
        group.forEach(({ resolve, reject }, i) => {
          const result = results[i] as R | RoteraError;
          if (result instanceof RoteraError) reject(result);
          else resolve(result);
        });
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = undefined;
  }

  #takeGroup(): Array<Waiting<W, R>> {
    let taken = 0;
    let messages = 0;
    let bytes = 0;
    for (const { weight } of this.#waiting) {
      messages += weight.messages;
      bytes += weight.bytes;
      if (taken > 0 && (messages > this.#most.messages || bytes > this.#most.bytes)) break;
      this.#waitingBytes -= weight.bytes;
      taken++;
    }
    return this.#waiting.splice(0, taken);
  }
}
