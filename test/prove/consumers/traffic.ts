/**
 * A server, those who push to it and those who consume.
 */
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type RoteraClient } from '../../../src/client/node.js';
import type { ConsumerJob } from '../children/consumer.js';
import { type Replacement, replaced } from '../controls/replace.js';
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
/** So many messages the control sets cursors back. */
const BACK = 50;

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
  /** Others: consumers that are given what comes in this way; cursors that a kill sets back, modules of the server that others take the place of. */
  readonly gives?: ConsumerJob['gives'];
  readonly setsBack?: boolean;
  readonly replacements?: readonly Replacement[];
}

export class Traffic {
  readonly noted = new Acknowledgements();
  readonly producers: ReadonlyArray<Producer | SocketProducer>;
  readonly kills: Kills;
  readonly consumers: Consumer[];
  readonly #server: Server;
  readonly #random: Random;
  readonly #client: RoteraClient;
  readonly #setsBack: boolean;
  /** Where each cursor was said to stand. */
  readonly #stood = new Map<string, number>();
  #pushing: Promise<unknown> = Promise.resolve();
  #killing: Promise<unknown> = Promise.resolve();
  #isOver = false;
  readonly #killEachMs: number;

  private constructor(server: Server, options: TrafficOptions) {
    const { random, isNameless = false, acknowledgesEarly = false, setsBack = false, replacements = [] } = options;
    const { gives = 'all' } = options;
    this.#server = server;
    this.#random = random;
    this.#setsBack = setsBack;
    const comeOften = acknowledgesEarly || setsBack || replacements.length > 0;
    this.#killEachMs = comeOften ? CONTROL_KILL_EACH_MS : KILL_EACH_MS;
    const { url } = server;
    this.#client = connect({ url, retryMs: RETRY_MS });
    this.kills = new Kills(server, random.fork(98));
    // Every second one pushes over HTTP, the others over sockets, messages or batches.
    const producer = (_: unknown, i: number): Producer | SocketProducer => {
      const options = { url, retryMs: RETRY_MS, isNameless };
      if (i % 2 === 0) return new Producer(i, random.fork(i), this.noted, options);
      return new SocketProducer(i, random.fork(i), this.noted, { ...options, sendsBatches: i % 4 === 1 });
    };
    this.producers = Array.from({ length: PRODUCERS }, producer);
    const ways: ReadonlyArray<ConsumerJob['way']> = ['tail', 'read'];
    const job = (i: number): ConsumerJob => {
      return { url, cursor: `c${i}`, way: ways[i % 2] ?? 'read', acknowledgesEarly, gives };
    };
    // What was not sent cannot have been stored, and a message goes only when so many others have come.
    const mostOldest = (): number => Math.max(0, this.#sent - LIMITS.maxMessages);
    this.consumers = Array.from({ length: CONSUMERS }, (_, i) => new Consumer(job(i), mostOldest));
  }

  static async open(options: TrafficOptions): Promise<Traffic> {
    const { directory, replacements } = options;
    mkdirSync(directory);
    const server = new Server(directory, replacements === undefined ? {} : replaced(replacements));
    await server.start();
    const traffic = new Traffic(server, options);
    const client = traffic.#client;
    await client.create(QUEUE, LIMITS);
    // Each cursor begins with the queue, however late its consumer comes.
    for (const { cursor } of traffic.consumers) await client.read(QUEUE, { cursor, limit: 1 });
    for (const consumer of traffic.consumers) consumer.start();
    traffic.#pushing = Promise.all(traffic.producers.map((one) => one.run()));
    traffic.#killing = traffic.#killConsumers();
    return traffic;
  }

  /** Messages that producers were given to push: the queue's next id cannot lie beyond it. */
  get #sent(): number {
    return this.producers.reduce((sum, producer) => sum + producer.sent, 0);
  }

  /** What consumers heard so far that must not be. */
  get heard(): string[] {
    return this.consumers.flatMap(({ cursor, account }) => account.wrong.map((text) => `consumer ${cursor} ${text}`));
  }

  /** One kill of the server. */
  async round(): Promise<void> {
    const enough = this.noted.overHttp + this.#random.spread(LEAST_PUSHES, MOST_PUSHES);
    await until(() => this.noted.overHttp >= enough || this.noted.failed.length > 0, 'pushes are acknowledged');
    await this.#lookAtCursors();
    await this.kills.kill();
    if (this.#setsBack) await this.#setBack();
    await this.#lookAtCursors();
  }

  /** None stands before the place at which it stood once, nor before what it was told as acknowledged. */
  async #lookAtCursors(): Promise<void> {
    const least = this.consumers.map(({ cursor, account }) =>
      Math.max(this.#stood.get(cursor) ?? 0, account.acked + 1),
    );
    const { cursors } = await this.#client.stat(QUEUE);
    for (const [i, { cursor, account }] of this.consumers.entries()) {
      const { position = 0 } = cursors[cursor] ?? {};
      if (position < (least[i] as number))
        account.wrong.push(`has a cursor that stands at ${position}, and stood at ${least[i]} before`);
      this.#stood.set(cursor, position);
    }
  }

  /** As a server would that had not stored the last acks. */
  async #setBack(): Promise<void> {
    const { cursors, oldest } = await this.#client.stat(QUEUE);
    for (const [cursor, { position }] of Object.entries(cursors)) {
      const from = Math.max(oldest, position - BACK);
      await this.#client.read(QUEUE, { cursor, move: true, from, limit: 1 });
    }
  }

  /** Lets everyone come to the end, and adds up. @returns what is wrong */
  async end(): Promise<Sum> {
    this.#isOver = true;
    for (const producer of this.producers) producer.stop();
    await Promise.all([this.#pushing, this.#killing]);
    const client = this.#client;
    const { next } = await client.stat(QUEUE);
    for (const consumer of this.consumers) if (!consumer.isRunning) consumer.start();
    const atEnd = async (): Promise<boolean> =>
      Object.values((await client.stat(QUEUE)).cursors).every(({ lag }) => lag === 0) &&
      this.consumers.every(({ account }) => account.reached >= next);
    await until(atEnd, 'consumers reach the end');
    await Promise.all(this.consumers.map((one) => one.kill()));
    const stat = await client.stat(QUEUE);
    await this.kills.close();
    const { noted, kills } = this;
    const wrong = [...noted.failed, ...kills.wrong];
    for (const { first, count, digest } of kills.copies) {
      if (digestOf(noted.messages, first, count) !== digest) wrong.push(`a copy holds other messages from ${first} on`);
    }
    const sent = this.#sent;
    if (sent !== next) wrong.push(`${sent} messages were pushed, ${next} are stored`);
    const { oldest, rotated } = stat;
    const full = Math.max(0, next - LIMITS.maxMessages);
    if (oldest !== full || rotated.byCount !== full)
      wrong.push(`${rotated.byCount} messages were rotated by count, the oldest id is ${oldest}: it has to be ${full}`);
    if (noted.messages.size !== next) wrong.push(`${noted.messages.size} ids were acknowledged, ${next} were given`);
    const sum = { next, seen: 0, again: 0, gone: 0, gaps: 0, acks: 0, wrong };
    for (const { cursor, account, wrong: ended } of this.consumers) {
      const { missed = Number.NaN } = stat.cursors[cursor] ?? {};
      const { seen, again, gone, wrong: found } = account.settle({ ...stat, missed, messages: noted.messages });
      sum.seen += seen;
      sum.again += again;
      sum.gone += gone;
      sum.gaps += account.gaps;
      sum.acks += account.acks;
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
    void this.#client.close();
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
  /** Gaps told, and acks that were answered. */
  readonly gaps: number;
  readonly acks: number;
  readonly wrong: readonly string[];
}
