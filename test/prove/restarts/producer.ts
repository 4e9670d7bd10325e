/**
 * A producer that retries: it pushes without pause, and writes down what was acknowledged.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type RoteraClient } from '../../../src/client/node.js';
import { isTransient } from '../../../src/client/retry.js';
import { isRoteraError } from '../../../src/errors.js';
import type { PushBody } from '../../../src/protocol/answers.js';
import type { Random } from '../random.js';

export const QUEUE = 'q';
/** Most messages of one push. */
export const MOST = 4;
/** Between two tries of a nameless one; ms. */
const PAUSE_MS = 25;

/** What all producers of a run write down. */
export class Acknowledgements {
  /** Messages by the id that their push was told. */
  readonly messages = new Map<number, string>();
  /** Why pushes had to be tried again, and how often. */
  readonly retries = new Map<string, number>();
  /** Pushes that were kept at an earlier try whose answer was lost. */
  repeats = 0;
  pushes = 0;
  /** Of these, those over HTTP. */
  overHttp = 0;
  slowestMs = 0;
  /** What was refused for good: with retries, nothing. */
  readonly failed: string[] = [];

  /** A push of these messages is acknowledged. */
  note({ first, duplicate }: Pick<PushBody, 'first' | 'duplicate'>, texts: readonly string[]): void {
    for (const [i, text] of texts.entries()) {
      const id = (first as number) + i;
      if (this.messages.has(id)) this.failed.push(`id ${id} was acknowledged twice`);
      this.messages.set(id, text);
    }
    if (duplicate) this.repeats++;
    this.pushes++;
  }
}

export interface ProducerOptions {
  readonly url: string;
  /** 0 for one that does not retry. */
  readonly retryMs: number;
  /** A control: whether each try goes under another name, so that the server cannot know a repeat. */
  readonly isNameless?: boolean;
}

export class Producer {
  /** Whether a push was acknowledged since this was last set to false. */
  isPushing = false;
  readonly #client: RoteraClient;
  readonly #isNameless: boolean;
  #sequence = 0;
  #stopped = false;

  constructor(
    readonly number: number,
    readonly random: Random,
    readonly noted: Acknowledgements,
    { isNameless = false, ...options }: ProducerOptions,
  ) {
    const { retries } = noted;
    this.#isNameless = isNameless;
    this.#client = connect({
      ...options,
      onRetry: ({ code }) => retries.set(code, (retries.get(code) ?? 0) + 1),
    });
  }

  /** Messages that were given to be pushed, each once. */
  get sent(): number {
    return this.#sequence;
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
      this.noted.note(await this.#pushTexts(texts), texts);
      this.noted.overHttp++;
      this.isPushing = true;
    } catch (error) {
      this.noted.failed.push(`a push failed: ${isRoteraError(error) ? error.code : error}`);
    }
    this.noted.slowestMs = Math.max(this.noted.slowestMs, performance.now() - began);
  }

  async #pushTexts(texts: readonly string[]): Promise<PushBody> {
    if (!this.#isNameless) return this.#client.push(QUEUE, texts);
    for (;;) {
      try {
        return await this.#client.push(QUEUE, texts, { retryMs: 0 });
      } catch (error) {
        if (!isTransient(error) || this.#stopped) throw error;
        await sleep(PAUSE_MS);
      }
    }
  }
}
