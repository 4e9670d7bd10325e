/**
 * Graceful restarts of the built server under load: nothing acknowledged is lost, every tail is told before it ends.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '../../src/client/node.js';
import { messageOf } from '../../src/errors.js';
import { checkRotFile } from '../../src/queue/check.js';
import { violations } from '../support/acknowledged.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { Follower } from './restarts/follower.js';
import { Acknowledgements, Producer, QUEUE } from './restarts/producer.js';
import { Server } from './server.js';

const PRODUCERS = 8;
const TAILS = 20;
/** Room for all that is pushed, so that everything can be compared at the end. */
const LIMITS = { maxMessages: 100_000_000, maxBytes: 1024 * 1024 * 1024, reserve: false };
/** Pushes acknowledged between a start and the next stop, and how long after the last of them the stop may come; ms. */
const LEAST_PUSHES = 20;
const MOST_PUSHES = 400;
const WITHIN_MS = 30;
/** So often a stop waits until all producers and tails are there; else it comes while some are still on their way. */
const ALL_THERE = 0.75;
/** The server promises to end within ten seconds. */
const MOST_STOP_MS = 11_000;
const RETRY_MS = 60_000;
/** How often is looked whether something has happened, and when it is too late for it; ms. */
const LOOK_MS = 2;
const PATIENCE_MS = 60_000;
/** Rounds of a control. */
const CONTROL_ROUNDS = 3;

interface LoadOptions {
  readonly directory: string;
  readonly random: Random;
  readonly retryMs?: number;
  /** Modules that the server loads before its own. */
  readonly imports?: readonly string[];
}

/** A server with producers and tails. */
class Load {
  readonly noted = new Acknowledgements();
  /** Messages by id, as the tails got them. */
  readonly seen: string[] = [];
  readonly wrong: string[] = [];
  slowestStopMs = 0;
  readonly #server: Server;
  readonly #random: Random;
  #producers: Producer[] = [];
  #tails: Follower[] = [];
  #running: Promise<void>[] = [];

  private constructor({ directory, random, imports = [] }: LoadOptions) {
    mkdirSync(directory);
    this.#server = new Server(directory, { imports });
    this.#random = random;
  }

  static async open(options: LoadOptions): Promise<Load> {
    const load = new Load(options);
    const { random, retryMs = RETRY_MS } = options;
    await load.#server.start();
    const { url } = load.#server;
    await connect({ url }).create(QUEUE, LIMITS);
    const producer = (_: unknown, i: number) => new Producer(i, random.fork(i), load.noted, { url, retryMs });
    load.#producers = Array.from({ length: PRODUCERS }, producer);
    load.#tails = Array.from({ length: TAILS }, (_, i) => new Follower(i, url, load.seen));
    load.#running = [...load.#producers, ...load.#tails].map((one) => one.run());
    return load;
  }

  /** Tails that were told so far. */
  get told(): number {
    return this.#tails.reduce((sum, { told }) => sum + told, 0);
  }

  /** One stop and start, at a random moment. */
  async restart(): Promise<void> {
    const random = this.#random;
    const { noted } = this;
    if (random.chance(ALL_THERE)) {
      await this.#tailsThere();
      await this.#until(() => this.#producers.every(({ isPushing }) => isPushing), 'all producers push');
    }
    const enough = noted.pushes + random.spread(LEAST_PUSHES, MOST_PUSHES);
    await this.#until(() => noted.pushes >= enough || noted.failed.length > 0, 'pushes are acknowledged');
    await sleep(random.below(WITHIN_MS));
    const { endedWith, ms } = await this.#server.stop();
    if (endedWith !== 0) this.wrong.push(`the server ended with ${endedWith}`);
    if (ms > MOST_STOP_MS) this.wrong.push(`the server took ${ms.toFixed()} ms to stop`);
    this.slowestStopMs = Math.max(this.slowestStopMs, ms);
    for (const producer of this.#producers) producer.isPushing = false;
    await this.#server.start();
  }

  /** Stops everyone, the server last, and compares what was acknowledged with what the tails got. @returns what is wrong */
  async end(): Promise<string[]> {
    for (const producer of this.#producers) producer.stop();
    await Promise.all(this.#running.slice(0, PRODUCERS));
    const { next } = await connect({ url: this.#server.url }).stat(QUEUE);
    await this.#until(
      () => this.#tails.every((tail) => tail.next >= next || tail.wrong.length > 0),
      'tails get everything',
    );
    await this.#tailsThere();
    for (const tail of this.#tails) tail.stop();
    await Promise.all(this.#running);
    const { endedWith } = await this.#server.stop();
    if (endedWith !== 0) this.wrong.push(`the server ended with ${endedWith}`);
    const { problems } = await checkRotFile(join(this.#server.directory, `${QUEUE}.rot`));
    const { failed, messages } = this.noted;
    const lost = violations(messages, this.seen);
    return [...this.wrong, ...failed, ...this.#tails.flatMap(({ wrong }) => wrong), ...lost, ...problems];
  }

  kill(): void {
    for (const one of [...this.#producers, ...this.#tails]) one.stop();
    this.#server.kill();
  }

  /** Resolves once it holds. @throws when it never does, or the server has ended */
  async #until(holds: () => boolean, what: string): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    while (!holds()) {
      const { endedWith } = this.#server;
      if (endedWith !== undefined) throw new Error(`the server ended by itself with ${endedWith}`);
      if (performance.now() > end) throw new Error(`it never came to this: ${what}`);
      await sleep(LOOK_MS);
    }
  }

  #tailsThere(): Promise<void> {
    return this.#until(() => this.#tails.every(({ isOpen }) => isOpen), 'all tails are open');
  }
}

/** A few rounds with something wrong. @returns what of it was seen */
async function control(options: LoadOptions, sees: RegExp): Promise<string | undefined> {
  const load = await Load.open(options);
  try {
    for (let i = 0; i < CONTROL_ROUNDS; i++) await load.restart();
    return (await load.end()).find((text) => sees.test(text));
  } finally {
    load.kill();
  }
}

/** What was acknowledged and seen, made wrong in one way each. */
function tampered({ noted, seen }: Load): Control[] {
  const last = seen.length - 1;
  const wrong: Record<string, string[]> = {
    'an acknowledged message lost': seen.slice(0, last),
    'a message doubled': [...seen, seen[last] as string],
    'a message altered': [...seen.slice(0, last), 'x'],
  };
  return Object.entries(wrong).map(([name, kept]) => ({ name, caught: violations(noted.messages, kept)[0] }));
}

async function controls({ directory, seed }: Trial): Promise<Control[]> {
  const random = new Random(seed).fork(2);
  const atOnce = { imports: [fileURLToPath(new URL('./controls/at-once.js', import.meta.url))] };
  const untold = await control({ directory: join(directory, 'at-once'), random, ...atOnce }, /not after 'draining'/);
  const failed = await control({ directory: join(directory, 'no-retry'), random, retryMs: 0 }, /a push failed/);
  return [
    { name: 'a server that ends at once', caught: untold },
    { name: 'producers that do not retry', caught: failed },
  ];
}

/** Restarts the server as often as asked for. `broken` says what made it impossible to go on. */
async function restartAll(
  load: Load,
  { rounds, endMs, progress }: Trial,
): Promise<{ rounds: number; broken?: string }> {
  for (let round = 0; round < rounds; round++) {
    if (performance.now() > endMs) return { rounds: round };
    try {
      await load.restart();
    } catch (error) {
      return { rounds: round, broken: `round ${round}: ${messageOf(error)}` };
    }
    progress(round + 1, rounds, `${load.noted.messages.size} messages acknowledged`);
  }
  return { rounds };
}

async function prove(trial: Trial): Promise<Outcome> {
  const load = await Load.open({ directory: join(trial.directory, 'rots'), random: new Random(trial.seed).fork(1) });
  try {
    const { rounds, broken } = await restartAll(load, trial);
    const found = broken === undefined ? await load.end() : [...load.wrong, broken];
    const { messages, pushes, retries, repeats, slowestMs } = load.noted;
    return {
      rounds,
      facts: [
        ['messages acknowledged', messages.size],
        ['messages that each tail got', load.seen.length],
        ['pushes', pushes],
        ...[...retries].sort().map(([code, count]): [string, number] => [`tried again after '${code}'`, count]),
        ['of these kept at an earlier try', repeats],
        ['tails told before the close', load.told],
        ['slowest stop, ms', load.slowestStopMs.toFixed()],
        ['slowest push with its retries, ms', slowestMs.toFixed()],
      ],
      violations: found,
      controls: [...tampered(load), ...(await controls(trial))],
    };
  } finally {
    load.kill();
  }
}

export const restarts: Proof = {
  about: `graceful restarts of the server under load from ${PRODUCERS} producers and ${TAILS} tails`,
  round: 'restarts',
  rounds: 100,
  run: prove,
};
