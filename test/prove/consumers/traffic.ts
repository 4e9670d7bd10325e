/**
 * A server, those who push to it and those who consume.
 */
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../../src/client/node.js';
import type { ConsumerJob } from '../children/consumer.js';
import type { Random } from '../random.js';
import { Acknowledgements, Producer, QUEUE } from '../restarts/producer.js';
import { SocketProducer } from '../restarts/socket-producer.js';
import { Server } from '../server.js';
import { digestOf } from './consumed.js';
import { Consumer } from './consumer.js';
import { Kills } from './kills.js';

export const PRODUCERS = 8;
export const CONSUMERS = 10;
/** So small that a consumer which is away for a second or two is overtaken. */
const LIMITS = { maxMessages: 1000, maxBytes: 1024 * 1024, reserve: false };
const RETRY_MS = 60_000;
/** Pushes over HTTP between two kills of the server; there are others over sockets. */
const LEAST_PUSHES = 30;
const MOST_PUSHES = 200;
/** Between two kills of a consumer, and how long it stays away; ms. */
const KILL_EACH_MS = 1000;
const CONTROL_KILL_EACH_MS = 200;
const AWAY_MS = 3000;
const LOOK_MS = 5;
const PATIENCE_MS = 120_000;

/** Resolves once it holds. @throws when it never does */
async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`It never came to this: ${what}.`);
    await sleep(LOOK_MS);
  }
}

export interface TrafficOptions {
  readonly directory: string;
  readonly random: Random;
  /** The controls: producers without names, consumers that acknowledge what they have not dealt with. */
  readonly isNameless?: boolean;
  readonly acknowledgesEarly?: boolean;
}

export class Traffic {
  readonly noted = new Acknowledgements();
  readonly producers: ReadonlyArray<Producer | SocketProducer>;
  readonly kills: Kills;
  readonly consumers: Consumer[];
  readonly #server: Server;
  readonly #random: Random;
  #pushing: Promise<unknown> = Promise.resolve();
  #killing: Promise<unknown> = Promise.resolve();
  #isOver = false;
  readonly #killEachMs: number;

  private constructor(server: Server, { random, isNameless = false, acknowledgesEarly = false }: TrafficOptions) {
    this.#server = server;
    this.#random = random;
    this.#killEachMs = acknowledgesEarly ? CONTROL_KILL_EACH_MS : KILL_EACH_MS;
    const { url } = server;
    this.kills = new Kills(server, random.fork(98));
    // Every second one pushes over HTTP, the others over sockets, messages or batches.
    const producer = (_: unknown, i: number): Producer | SocketProducer => {
      const options = { url, retryMs: RETRY_MS, isNameless };
      if (i % 2 === 0) return new Producer(i, random.fork(i), this.noted, options);
      return new SocketProducer(i, random.fork(i), this.noted, { ...options, sendsBatches: i % 4 === 1 });
    };
    this.producers = Array.from({ length: PRODUCERS }, producer);
    const ways: ReadonlyArray<ConsumerJob['way']> = ['tail', 'read'];
    const job = (i: number): ConsumerJob => ({ url, cursor: `c${i}`, way: ways[i % 2] ?? 'read', acknowledgesEarly });
    this.consumers = Array.from({ length: CONSUMERS }, (_, i) => new Consumer(job(i)));
  }

  static async open(options: TrafficOptions): Promise<Traffic> {
    mkdirSync(options.directory);
    const server = new Server(options.directory);
    await server.start();
    const client = connect({ url: server.url });
    await client.create(QUEUE, LIMITS);
    const traffic = new Traffic(server, options);
    // Each cursor begins with the queue, however late its consumer comes.
    for (const { cursor } of traffic.consumers) await client.read(QUEUE, { cursor, limit: 1 });
    for (const consumer of traffic.consumers) consumer.start();
    traffic.#pushing = Promise.all(traffic.producers.map((one) => one.run()));
    traffic.#killing = traffic.#killConsumers();
    return traffic;
  }

  /** One kill of the server. */
  async round(): Promise<void> {
    const enough = this.noted.overHttp + this.#random.spread(LEAST_PUSHES, MOST_PUSHES);
    await until(() => this.noted.overHttp >= enough || this.noted.failed.length > 0, 'pushes are acknowledged');
    await this.kills.kill();
  }

  /** Lets everyone come to the end, and adds up. @returns what is wrong */
  async end(): Promise<Sum> {
    this.#isOver = true;
    for (const producer of this.producers) producer.stop();
    await Promise.all([this.#pushing, this.#killing]);
    const client = connect({ url: this.#server.url });
    const { next } = await client.stat(QUEUE);
    for (const consumer of this.consumers) if (!consumer.isRunning) consumer.start();
    const atEnd = async (): Promise<boolean> =>
      Object.values((await client.stat(QUEUE)).cursors).every(({ lag }) => lag === 0) &&
      this.consumers.every(({ account }) => account.reached >= next);
    await until(atEnd, 'consumers reach the end');
    await Promise.all(this.consumers.map((one) => one.kill()));
    const stat = await client.stat(QUEUE);
    await client.close();
    await this.kills.close();
    const { noted, kills } = this;
    const wrong = [...noted.failed, ...kills.wrong];
    for (const { first, count, digest } of kills.copies) {
      if (digestOf(noted.messages, first, count) !== digest) wrong.push(`a copy holds other messages from ${first} on`);
    }
    const sent = this.producers.reduce((sum, producer) => sum + producer.sent, 0);
    if (sent !== next) wrong.push(`${sent} messages were pushed, ${next} are stored`);
    if (noted.messages.size !== next) wrong.push(`${noted.messages.size} ids were acknowledged, ${next} were given`);
    const sum = { next, seen: 0, again: 0, gone: 0, wrong };
    for (const { cursor, account, wrong: ended } of this.consumers) {
      const { missed = Number.NaN } = stat.cursors[cursor] ?? {};
      const { seen, again, gone, wrong: found } = account.settle({ ...stat, missed, messages: noted.messages });
      sum.seen += seen;
      sum.again += again;
      sum.gone += gone;
      wrong.push(...[...ended, ...found].map((text) => `consumer ${cursor} ${text}`));
    }
    return sum;
  }

  close(): void {
    this.#isOver = true;
    for (const producer of this.producers) {
      if (producer instanceof SocketProducer) producer.giveUp();
      else producer.stop();
    }
    for (const consumer of this.consumers) void consumer.kill();
    this.#server.kill();
  }

  /** Consumers die at any moment, and are away for a while. */
  async #killConsumers(): Promise<void> {
    const random = this.#random.fork(99);
    while (!this.#isOver) {
      await sleep(random.below(2 * this.#killEachMs));
      const consumer = random.pick(this.consumers);
      if (!consumer.isRunning) continue;
      await consumer.kill();
      setTimeout(() => this.#isOver || consumer.start(), random.spread(1, AWAY_MS));
    }
  }
}

export interface Sum {
  /** Messages stored. */
  readonly next: number;
  /** Summed over the consumers: ids got, ids got more than once, ids told as gone and never got. */
  readonly seen: number;
  readonly again: number;
  readonly gone: number;
  readonly wrong: readonly string[];
}
