/**
 * What clients see while they push, read and stat as they please, and the server is killed now and then: each such history must
 * be that of a perfect rotating queue.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../../src/client/node.js';
import { messageOf } from '../../src/errors.js';
import { type Observed, observe } from './histories/clients.js';
import { explain } from './histories/explain.js';
import { FAULTS } from './histories/faults.js';
import type { History } from './histories/history.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { Server } from './server.js';

const CLIENTS = 8;
const OPERATIONS = 1000;
const LIMITS = { maxBytes: 1024 * 1024, reserve: false };
/** Capacities: rotation bites early, late, or hardly. */
const CAPACITIES = [20, 100, 1000];
/** Of the control whose operations all fail. */
const FAILING = 30;
/** Of so many histories, one has its server killed. */
const KILL_EACH = 3;
/** Of its thousand operations, about 400 are pushes that are kept and 300 reads; 200 stats and many reads tell the ends. */
const LEAST = { 'pushes acknowledged': 250, reads: 150, 'ends told': 150 };

class Histories {
  readonly violations: string[] = [];
  readonly caught = new Map<string, string>();
  rounds = 0;
  kills = 0;
  readonly facts = new Map<string, number>();
  readonly #random: Random;
  readonly #server: Server;

  constructor(readonly trial: Trial) {
    this.#random = new Random(trial.seed);
    const directory = join(trial.directory, 'queues');
    mkdirSync(directory);
    this.#server = new Server(directory);
  }

  async run(): Promise<void> {
    await this.#server.start();
    try {
      while (this.rounds < this.trial.rounds && performance.now() < this.trial.endMs) {
        await this.#one(this.#random.fork(this.rounds));
        this.trial.progress(++this.rounds, this.trial.rounds);
      }
      await this.#fail();
      const { endedWith } = await this.#server.stop();
      if (endedWith !== 0) this.violations.push(`the server ended with ${endedWith}`);
    } finally {
      this.#server.kill();
    }
  }

  async #one(random: Random): Promise<void> {
    const queue = `h${this.rounds}`;
    const { url, directory } = this.#server;
    const maxMessages = random.pick(CAPACITIES);
    const client = connect({ url });
    await client.create(queue, { ...LIMITS, maxMessages });
    await client.close();
    const killAt = random.below(KILL_EACH) === 0 ? random.spread(1, OPERATIONS) : -1;
    let killing: Promise<void> | undefined;
    const wasKilled = (): boolean => killing !== undefined;
    const progress = (done: number): void => {
      if (done === killAt) killing = this.#kill();
    };
    const options = { url, queue, maxMessages, clients: CLIENTS, operations: OPERATIONS, random, wasKilled, progress };
    const history = await observe(options);
    await killing;
    const wrong = [...history.wrong, ...explain(history), ...this.#count(history)];
    this.violations.push(...wrong.map((text) => `history ${this.rounds}: ${text}`));
    this.#spoil(history);
    for (const file of [`${queue}.rot`, `${queue}.rot-lock`]) rmSync(join(directory, file));
  }

  /** Operations that are answered with an error, as there is no such queue: each must be found. */
  async #fail(): Promise<void> {
    const { url } = this.#server;
    const wasKilled = (): boolean => true;
    const progress = (): void => undefined;
    const random = this.#random.fork(-1);
    const options = {
      url,
      queue: 'none',
      maxMessages: 1,
      clients: 1,
      operations: FAILING,
      random,
      wasKilled,
      progress,
    };
    const { wrong } = await observe(options);
    for (const what of ['push', 'read', 'stat']) {
      const found = wrong.find((text) => text.includes(`${what} `));
      if (found !== undefined) this.caught.set(`a ${what} that fails`, found);
    }
  }

  async #kill(): Promise<void> {
    try {
      this.kills++;
      await this.#server.die();
    } catch (error) {
      this.violations.push(messageOf(error));
    }
    await this.#server.start();
  }

  /** Adds up what was seen. @returns what was seen too seldom to prove anything */
  #count({ pushes, refused, reads, ends, away }: Observed): string[] {
    const acknowledged = pushes.filter(({ first }) => first !== undefined);
    const counts = {
      'pushes acknowledged': acknowledged.length,
      'messages of these': acknowledged.reduce((sum, { count }) => sum + count, 0),
      'pushes whose outcome their client did not learn': pushes.length - acknowledged.length,
      'pushes refused': refused.length,
      reads: reads.length,
      'messages read': reads.reduce((sum, { texts }) => sum + texts.length, 0),
      'ends told': ends.length,
      'operations without an answer, while the server was away': away,
    };
    for (const [name, count] of Object.entries(counts)) this.facts.set(name, (this.facts.get(name) ?? 0) + count);
    return Object.entries(LEAST).flatMap(([name, least]) => {
      const count = counts[name as keyof typeof LEAST];
      return count >= least ? [] : [`${count} ${name}, at least ${least} are to be seen`];
    });
  }

  /** The same history with a fault: it must not be explained. */
  #spoil(history: History): void {
    for (const [name, { spoil, sees }] of Object.entries(FAULTS)) {
      if (this.caught.has(name)) continue;
      const spoiled = spoil(history);
      const found = spoiled === undefined ? undefined : explain(spoiled).find((text) => sees.test(text));
      if (spoiled !== undefined && found === undefined) this.violations.push(`not caught: ${name}`);
      if (found !== undefined) this.caught.set(name, found);
    }
  }

  get controls(): Control[] {
    const names = [...Object.keys(FAULTS), 'a push that fails', 'a read that fails', 'a stat that fails'];
    return names.map((name) => ({ name, caught: this.caught.get(name) }));
  }
}

async function prove(trial: Trial): Promise<Outcome> {
  const histories = new Histories(trial);
  await histories.run();
  const { rounds, violations, controls, facts, kills } = histories;
  return {
    rounds,
    violations,
    controls,
    facts: [['clients', CLIENTS], ['kills of the server', kills], ...facts],
  };
}

export const histories: Proof = {
  about:
    'histories of clients that push, read and stat while the server is killed: each that of a perfect rotating queue',
  round: 'histories of 1,000 operations',
  rounds: 1000,
  run: prove,
};
