/**
 * Clients of one queue that do as they please and write down what they see.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { batchOf, messagesOf } from '../../../src/batch.js';
import { connect, type RoteraClient } from '../../../src/client/node.js';
import { isRoteraError } from '../../../src/errors.js';
import type { Random } from '../random.js';
import type { EndsSeen, History, PushSeen, ReadSeen } from './history.js';

/** Most messages of one push. */
const MOST_MESSAGES = 12;
/** A client that insists repeats a push for so long; ms. */
const RETRY_MS = 60_000;
/** After these the push may have been kept, or not. */
const UNKNOWN = ['unreachable', 'commit_timeout', 'internal'];
/** While the server is away; ms. */
const AWAY_MS = 20;

export interface ClientsOptions {
  readonly url: string;
  readonly queue: string;
  readonly maxMessages: number;
  readonly clients: number;
  /** Operations of all clients together. */
  readonly operations: number;
  readonly random: Random;
  /** Called after each operation. */
  readonly progress: (done: number) => void;
}

/** Runs them all to the end. */
export async function observe(options: ClientsOptions): Promise<History> {
  const clients = new Clients(options);
  await Promise.all(Array.from({ length: options.clients }, (_, i) => clients.run(i)));
  clients.close();
  return clients;
}

class Clients implements History {
  readonly maxMessages: number;
  readonly pushes: PushSeen[] = [];
  readonly refused: string[] = [];
  readonly ends: EndsSeen[] = [];
  readonly reads: ReadSeen[] = [];
  readonly #options: ClientsOptions;
  readonly #client: RoteraClient;
  #done = 0;
  #known: { readonly epoch: string; readonly next: number } | undefined;

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.maxMessages = options.maxMessages;
    this.#client = connect({ url: options.url, retryMs: 0 });
  }

  close(): void {
    void this.#client.close();
  }

  async run(index: number): Promise<void> {
    const random = this.#options.random.fork(index);
    for (let count = 0; this.#done < this.#options.operations; count++) {
      const label = `${index}.${count}`;
      const choice = random.below(10);
      if (choice < 4) await this.#push(label, random, random.chance(0.5) ? RETRY_MS : 0, false);
      else if (choice === 4) await this.#push(label, random, 0, true);
      else if (choice < 8) await this.#read(random);
      else await this.#stat();
      this.#options.progress(++this.#done);
    }
  }

  async #push(label: string, random: Random, retryMs: number, conditional: boolean): Promise<void> {
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
    } catch (error) {
      if (!isRoteraError(error)) throw error;
      const isKnown = !UNKNOWN.includes(error.code);
      if (isKnown) this.refused.push(label);
      else this.pushes.push({ label, count, first: undefined, began, ended: Number.POSITIVE_INFINITY });
      await this.#comesBack(error);
    }
  }

  async #read(random: Random): Promise<void> {
    const next = this.#known?.next ?? 0;
    const from = Math.max(0, next - random.spread(1, 2 * this.maxMessages));
    const began = performance.now();
    try {
      const options = { from, limit: random.spread(1, this.maxMessages) };
      const { first, records, gap, upToDate, ...read } = await this.#client.readRecords(this.#options.queue, options);
      const ended = performance.now();
      const texts = [...messagesOf(records)].map((message) => Buffer.from(message).toString());
      this.reads.push({ from, first, gap, texts, began, ended });
      if (upToDate) this.ends.push({ oldest: undefined, next: read.next, began, ended });
      // Rotation is exact: what the oldest is tells what the next was.
      if (gap !== null) this.ends.push({ oldest: gap.to, next: gap.to + this.maxMessages, began, ended });
      if (upToDate) this.#known = { epoch: read.epoch, next: read.next };
    } catch (error) {
      await this.#comesBack(error);
    }
  }

  async #stat(): Promise<void> {
    const began = performance.now();
    try {
      const { oldest, next, epoch } = await this.#client.stat(this.#options.queue);
      this.ends.push({ oldest, next, began, ended: performance.now() });
      this.#known = { epoch, next };
    } catch (error) {
      await this.#comesBack(error);
    }
  }

  /** A server that was killed comes back. @throws every other error but a refused condition */
  async #comesBack(error: unknown): Promise<void> {
    if (!isRoteraError(error)) throw error;
    if (error.code === 'next_moved') return;
    if (!UNKNOWN.includes(error.code) && error.code !== 'starting') throw error;
    await sleep(AWAY_MS);
  }
}
