/**
 * Consumers with cursors that are killed and started again, producers that retry, and a server that is killed: every message
 * is kept exactly once, and each consumer gets it at least once or is told that it is gone.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/node.js';
import type { ConsumerJob } from './children/consumer.js';
import { Consumer } from './consumers/consumer.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { Acknowledgements, Producer, QUEUE } from './restarts/producer.js';
import { Server } from './server.js';

const PRODUCERS = 8;
const CONSUMERS = 10;
/** So small that a consumer which is away for a second or two is overtaken. */
const LIMITS = { maxMessages: 1000, maxBytes: 1024 * 1024, reserve: false };
const RETRY_MS = 60_000;
/** Between two kills of the server: so many pushes, and some time more, ms. */
const LEAST_PUSHES = 200;
const MOST_PUSHES = 2000;
const WITHIN_MS = 50;
/** Between two kills of a consumer, and how long it stays away; ms. */
const KILL_EACH_MS = 400;
const AWAY_MS = 3000;
const LOOK_MS = 5;
const PATIENCE_MS = 120_000;
/** A control is given so many kills of the server to be caught. */
const CONTROL_ROUNDS = 4;

/** Resolves once it holds. @throws when it never does */
async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`It never came to this: ${what}.`);
    await sleep(LOOK_MS);
  }
}

interface Options {
  readonly directory: string;
  readonly random: Random;
  /** The controls: producers without names, consumers that acknowledge what they have not dealt with. */
  readonly isNameless?: boolean;
  readonly acknowledgesEarly?: boolean;
}

/** A server, those who push to it and those who consume. */
class Traffic {
  readonly noted = new Acknowledgements();
  readonly producers: Producer[];
  readonly consumers: Consumer[];
  readonly #server: Server;
  readonly #random: Random;
  #pushing: Promise<unknown> = Promise.resolve();
  #killing: Promise<unknown> = Promise.resolve();
  #isOver = false;

  private constructor(server: Server, { random, isNameless = false, acknowledgesEarly = false }: Options) {
    this.#server = server;
    this.#random = random;
    const { url } = server;
    const producer = (_: unknown, i: number): Producer =>
      new Producer(i, random.fork(i), this.noted, { url, retryMs: RETRY_MS, isNameless });
    this.producers = Array.from({ length: PRODUCERS }, producer);
    const ways: ReadonlyArray<ConsumerJob['way']> = ['tail', 'read'];
    const job = (i: number): ConsumerJob => ({ url, cursor: `c${i}`, way: ways[i % 2] ?? 'read', acknowledgesEarly });
    this.consumers = Array.from({ length: CONSUMERS }, (_, i) => new Consumer(job(i)));
  }

  static async open(options: Options): Promise<Traffic> {
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
    const enough = this.noted.pushes + this.#random.spread(LEAST_PUSHES, MOST_PUSHES);
    await until(() => this.noted.pushes >= enough || this.noted.failed.length > 0, 'pushes are acknowledged');
    await sleep(this.#random.below(WITHIN_MS));
    await this.#server.die();
    await this.#server.start();
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
    const { noted } = this;
    const wrong = [...noted.failed];
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
    for (const producer of this.producers) producer.stop();
    for (const consumer of this.consumers) void consumer.kill();
    this.#server.kill();
  }

  /** Consumers die at any moment, and are away for a while. */
  async #killConsumers(): Promise<void> {
    const random = this.#random.fork(99);
    while (!this.#isOver) {
      await sleep(random.below(2 * KILL_EACH_MS));
      const consumer = random.pick(this.consumers);
      if (!consumer.isRunning) continue;
      await consumer.kill();
      setTimeout(() => this.#isOver || consumer.start(), random.spread(1, AWAY_MS));
    }
  }
}

interface Sum {
  /** Messages stored. */
  readonly next: number;
  /** Summed over the consumers: ids got, ids got more than once, ids told as gone and never got. */
  readonly seen: number;
  readonly again: number;
  readonly gone: number;
  readonly wrong: readonly string[];
}

/** Rounds with something wrong, until it shows. */
async function control(name: string, options: Options, sees: RegExp): Promise<Control> {
  const traffic = await Traffic.open(options);
  try {
    for (let i = 0; i < CONTROL_ROUNDS; i++) await traffic.round();
    return { name, caught: (await traffic.end()).wrong.find((text) => sees.test(text)) };
  } finally {
    traffic.close();
  }
}

async function prove(trial: Trial): Promise<Outcome> {
  const { directory, seed } = trial;
  const traffic = await Traffic.open({ directory: join(directory, 'rots'), random: new Random(seed).fork(1) });
  try {
    let rounds = 0;
    while (rounds < trial.rounds && performance.now() < trial.endMs) {
      await traffic.round();
      trial.progress(++rounds, trial.rounds, `${traffic.noted.messages.size} messages acknowledged`);
    }
    const { next, seen, again, gone, wrong } = await traffic.end();
    const { noted, consumers } = traffic;
    const random = new Random(seed).fork(2);
    return {
      rounds,
      violations: wrong,
      controls: [
        await control(
          'producers without names',
          { directory: join(directory, 'nameless'), random, isNameless: true },
          /are stored/,
        ),
        await control(
          'acknowledged before it is dealt with',
          { directory: join(directory, 'early'), random, acknowledgesEarly: true },
          /never got/,
        ),
      ],
      facts: [
        ['messages stored, each exactly once', next],
        ['pushes', noted.pushes],
        ...[...noted.retries].sort().map(([code, count]): [string, number] => [`tried again after '${code}'`, count]),
        ['of these kept at an earlier try', noted.repeats],
        ['kills of consumers', consumers.reduce((sum, { kills }) => sum + kills, 0) - CONSUMERS],
        [`messages that ${CONSUMERS} consumers had to get`, CONSUMERS * next],
        ['got', seen],
        ['told as gone, and never got', gone],
        ['got again after a kill', again],
      ],
    };
  } finally {
    traffic.close();
  }
}

export const consumers: Proof = {
  about: `kill -9 of the server, and of ${CONSUMERS} consumers with cursors, while ${PRODUCERS} producers retry`,
  round: 'kills of the server',
  rounds: 10,
  run: prove,
};
