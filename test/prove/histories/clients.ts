/**
 * Clients of one queue that do as they please and write down what they see.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { batchOf, messagesOf } from '../../../src/batch.js';
import { connect, type RoteraClient } from '../../../src/client/node.js';
import { type ErrorCode, isRoteraError, type RoteraError } from '../../../src/errors.js';
import type { Random } from '../random.js';
import type { EndsSeen, History, PushSeen, ReadSeen } from './history.js';

/** Most messages of one push. */
const MOST_MESSAGES = 12;
/** A client that insists repeats a push for so long; ms. */
const RETRY_MS = 60_000;
/** What a server says, or does not say, that was killed and is started again. No other fault is made here. */
const AWAY: readonly ErrorCode[] = ['unreachable', 'starting'];
/** Between two tries while it is away, and when it should have been back for long; ms. */
const AWAY_MS = 20;
const PATIENCE_MS = 120_000;

export interface ClientsOptions {
  readonly url: string;
  readonly queue: string;
  readonly maxMessages: number;
  readonly clients: number;
  /** Operations of all clients together, each with an answer. */
  readonly operations: number;
  readonly random: Random;
  /** Whether the server was killed while this history was made. */
  readonly wasKilled: () => boolean;
  /** Called after each operation that was answered. */
  readonly progress: (done: number) => void;
}

/** What was seen, and what of it no history can explain: answers that are none. */
export interface Observed extends History {
  readonly wrong: readonly string[];
  /** Operations that had no answer, as the server was away. */
  readonly away: number;
}

/** Runs them all to the end. */
export async function observe(options: ClientsOptions): Promise<Observed> {
  const clients = new Clients(options);
  await Promise.all(Array.from({ length: options.clients }, (_, i) => clients.run(i)));
  clients.close();
  return clients;
}

class Clients implements Observed {
  readonly maxMessages: number;
  readonly pushes: PushSeen[] = [];
  readonly refused: string[] = [];
  readonly ends: EndsSeen[] = [];
  readonly reads: ReadSeen[] = [];
  readonly wrong: string[] = [];
  away = 0;
  readonly #options: ClientsOptions;
  readonly #client: RoteraClient;
  #done = 0;
  #answeredAt = performance.now();
  #known: { readonly epoch: string; readonly next: number } | undefined;

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.maxMessages = options.maxMessages;
    // What a client repeats by itself is heard as well.
    const onRetry = (error: RoteraError): void => void this.#hear('an earlier try of a push', error);
    this.#client = connect({ url: options.url, retryMs: 0, onRetry });
  }

  close(): void {
    void this.#client.close();
  }

  async run(index: number): Promise<void> {
    const random = this.#options.random.fork(index);
    for (let count = 0; this.#done < this.#options.operations; count++) {
      const label = `${index}.${count}`;
      const isAnswered = await this.#operation(label, random);
      if (isAnswered) {
        this.#answeredAt = performance.now();
        this.#options.progress(++this.#done);
      } else {
        this.away++;
        if (performance.now() - this.#answeredAt > PATIENCE_MS) throw new Error('the server does not come back');
        await sleep(AWAY_MS);
      }
    }
  }

  /** @returns whether it was answered */
  #operation(label: string, random: Random): Promise<boolean> {
    const choice = random.below(10);
    if (choice < 4) return this.#push(label, random, random.chance(0.5) ? RETRY_MS : 0, false);
    if (choice === 4) return this.#push(label, random, 0, true);
    return choice < 8 ? this.#read(random) : this.#stat();
  }

  async #push(label: string, random: Random, retryMs: number, conditional: boolean): Promise<boolean> {
    const count = random.spread(1, MOST_MESSAGES);
    const batch = batchOf(Array.from({ length: count }, (_, i) => Buffer.from(`${label}/${i}`)));
    const ifAt = conditional ? this.#known : undefined;
    const began = performance.now();
    try {
      const { first, next, epoch } = await this.#client.push(this.#options.queue, batch, {
        retryMs,
        ...(ifAt === undefined ? {} : { ifAt }),
      });
      const seen = first ?? undefined;
      this.pushes.push({ label, count, first: seen, began, ended: performance.now() });
      if (ifAt !== undefined && seen !== ifAt.next) throw new Error(`${label}: went to ${seen}, not to ${ifAt.next}`);
      if (next !== null) this.#known = { epoch, next };
      return true;
    } catch (error) {
      if (!isRoteraError(error)) throw error;
      const isRefused = error.code === 'next_moved' || error.code === 'starting';
      if (isRefused) this.refused.push(label);
      else this.pushes.push({ label, count, first: undefined, began, ended: Number.POSITIVE_INFINITY });
      if (error.code === 'next_moved' && ifAt !== undefined) return true;
      return this.#hear(`push ${label}`, error);
    }
  }

  async #read(random: Random): Promise<boolean> {
    // From the end on as well, where there may be none.
    const from = Math.max(0, (this.#known?.next ?? 0) - (random.spread(1, 2 * this.maxMessages) - 1));
    const began = performance.now();
    try {
      const options = { from, limit: random.spread(1, this.maxMessages) };
      const { first, next, epoch, records, gap, upToDate } = await this.#client.readRecords(
        this.#options.queue,
        options,
      );
      const ended = performance.now();
      const texts = [...messagesOf(records)].map((message) => Buffer.from(message).toString());
      this.reads.push({ from, limit: options.limit, first, next, upToDate, gap, texts, began, ended });
      if (upToDate) this.ends.push({ oldest: undefined, next, began, ended });
      // Rotation is exact: what the oldest is tells what the next was.
      if (gap !== null) this.ends.push({ oldest: gap.to, next: gap.to + this.maxMessages, began, ended });
      if (upToDate) this.#known = { epoch, next };
      return true;
    } catch (error) {
      return this.#hear(`a read from ${from}`, error);
    }
  }

  async #stat(): Promise<boolean> {
    const began = performance.now();
    try {
      const { oldest, next, epoch } = await this.#client.stat(this.#options.queue);
      this.ends.push({ oldest, next, began, ended: performance.now() });
      this.#known = { epoch, next };
      return true;
    } catch (error) {
      return this.#hear('a stat', error);
    }
  }

  /** Only a server that was killed may be away, and none may say anything else. @returns whether it was an answer, wrong as it is */
  #hear(what: string, error: unknown): boolean {
    if (!isRoteraError(error)) throw error;
    // A push may be refused after a try of which nothing was heard: it goes by both.
    const { code, details, message } = error;
    const isAway = [code, details['refusal'] ?? code].every((one) => AWAY.some((away) => away === one));
    if (!isAway || !this.#options.wasKilled()) this.wrong.push(`${what} was answered '${code}': ${message}`);
    return !isAway;
  }
}
