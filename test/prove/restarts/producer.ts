/**
 * A producer that retries: it pushes without pause, and writes down what was acknowledged.
 */
import { connect, type RoteraClient } from '../../../src/client/node.js';
import { isRoteraError } from '../../../src/errors.js';
import type { Random } from '../random.js';

export const QUEUE = 'q';
/** Most messages of one push. */
const MOST = 4;

/** What all producers of a run write down. */
export class Acknowledgements {
  /** Messages by the id that their push was told. */
  readonly messages = new Map<number, string>();
  /** Why pushes had to be tried again, and how often. */
  readonly retries = new Map<string, number>();
  /** Pushes that were kept at an earlier try whose answer was lost. */
  repeats = 0;
  pushes = 0;
  slowestMs = 0;
  /** What was refused for good: with retries, nothing. */
  readonly failed: string[] = [];
}

export class Producer {
  /** Whether a push was acknowledged since this was last set to false. */
  isPushing = false;
  readonly #client: RoteraClient;
  #sequence = 0;
  #stopped = false;

  /** @param retryMs 0 for one that does not retry */
  constructor(
    readonly number: number,
    readonly random: Random,
    readonly noted: Acknowledgements,
    options: { readonly url: string; readonly retryMs: number },
  ) {
    const { retries } = noted;
    this.#client = connect({
      ...options,
      onRetry: ({ code }) => retries.set(code, (retries.get(code) ?? 0) + 1),
    });
  }

  /** Pushes until it is stopped. Never rejects. */
  async run(): Promise<void> {
    while (!this.#stopped) await this.#push();
    await this.#client.close();
  }

  stop(): void {
    this.#stopped = true;
  }

  async #push(): Promise<void> {
    const count = this.random.spread(1, MOST);
    const texts = Array.from({ length: count }, () => `${this.number} ${this.#sequence++}`);
    const began = performance.now();
    try {
      const { first, duplicate } = await this.#client.push(QUEUE, texts);
      for (const [i, text] of texts.entries()) this.noted.messages.set((first as number) + i, text);
      if (duplicate) this.noted.repeats++;
      this.noted.pushes++;
      this.isPushing = true;
    } catch (error) {
      this.noted.failed.push(`a push failed: ${isRoteraError(error) ? error.code : error}`);
    }
    this.noted.slowestMs = Math.max(this.noted.slowestMs, performance.now() - began);
  }
}
