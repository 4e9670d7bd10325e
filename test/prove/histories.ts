/**
 * What clients see while they push, read and stat as they please, and the server is killed now and then: each such history must
 * be that of a perfect rotating queue.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../../src/client/node.js';
import { observe } from './histories/clients.js';
import { explain } from './histories/explain.js';
import type { History } from './histories/history.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { Server } from './server.js';

const CLIENTS = 8;
const OPERATIONS = 1000;
const LIMITS = { maxBytes: 1024 * 1024, reserve: false };
/** Capacities: rotation bites early, late, or hardly. */
const CAPACITIES = [20, 100, 1000];
/** Of so many histories, one has its server killed. */
const KILL_EACH = 3;

/** What a queue that is not perfect might have shown; undefined where a history has nothing to spoil. */
const FAULTS: Readonly<Record<string, (history: History, random: Random) => History | undefined>> = {
  'an acknowledged push that is not seen': (history) => {
    const seen = new Set(history.reads.flatMap(({ texts }) => texts.map((text) => text.split('/')[0])));
    const lost = history.pushes.find(({ label, first }) => first !== undefined && seen.has(label));
    if (lost === undefined) return undefined;
    const texts = (read: History['reads'][number]) => read.texts.map((text) => text.replace(`${lost.label}/`, 'none/'));
    return { ...history, reads: history.reads.map((read) => ({ ...read, texts: texts(read) })) };
  },
  'two messages in each other’s place': (history) => {
    const at = history.reads.findIndex(({ texts }) => texts.length >= 2);
    if (at === -1) return undefined;
    const swap = ([a = '', b = '', ...rest]: readonly string[]): string[] => [b, a, ...rest];
    return {
      ...history,
      reads: history.reads.map((read, i) => (i === at ? { ...read, texts: swap(read.texts) } : read)),
    };
  },
  'an answer from the past': (history) => {
    const last = history.ends.reduce((a, b) => (b.began > a.began ? b : a));
    const past = { ...last, oldest: undefined, next: history.ends[0]?.next ?? 0 };
    return past.next === last.next ? undefined : { ...history, ends: [...history.ends, past] };
  },
  'a push seen in part': (history) => {
    const push = history.pushes.find(({ first, count }) => first !== undefined && count > 1);
    if (push?.first === undefined) return undefined;
    const ends = { began: push.began, ended: push.ended, oldest: undefined, next: push.first + 1 };
    return { ...history, ends: [...history.ends, ends] };
  },
  'one message too many rotated out': (history) => {
    const at = history.ends.findIndex(({ oldest }) => oldest !== undefined && oldest > 0);
    const spoil = (ends: History['ends'][number]) => ({ ...ends, oldest: (ends.oldest ?? 0) + 1 });
    if (at === -1) return undefined;
    return { ...history, ends: history.ends.map((ends, i) => (i === at ? spoil(ends) : ends)) };
  },
  'a push kept twice': (history) => {
    const push = history.pushes.find(({ first }) => first !== undefined);
    const read = history.reads.find(({ texts }) => texts.length > 0);
    if (push === undefined || read === undefined) return undefined;
    const twice = { ...read, first: read.first + 1_000_000, from: read.first + 1_000_000, gap: null };
    return { ...history, reads: [...history.reads, { ...twice, texts: [`${push.label}/0`] }] };
  },
};

class Histories {
  readonly violations: string[] = [];
  readonly caught = new Map<string, string>();
  rounds = 0;
  operations = 0;
  messages = 0;
  kills = 0;
  unknown = 0;
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
      await this.#server.stop();
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
    const killAt = random.below(KILL_EACH) === 0 ? random.below(OPERATIONS) : -1;
    let killing: Promise<void> | undefined;
    const progress = (done: number): void => {
      if (done === killAt) killing = this.#kill();
    };
    const options = { url, queue, maxMessages, clients: CLIENTS, operations: OPERATIONS, random, progress };
    const history = await observe(options);
    await killing;
    const wrong = explain(history);
    this.violations.push(...wrong.map((text) => `history ${this.rounds}: ${text}`));
    this.operations += history.pushes.length + history.reads.length + history.ends.length + history.refused.length;
    this.messages += history.pushes.reduce((sum, { count }) => sum + count, 0);
    this.unknown += history.pushes.filter(({ first }) => first === undefined).length;
    this.#spoil(history, random);
    for (const file of [`${queue}.rot`, `${queue}.rot-lock`]) rmSync(join(directory, file));
  }

  async #kill(): Promise<void> {
    this.kills++;
    await this.#server.die();
    await this.#server.start();
  }

  /** The same history with a fault: it must not be explained. */
  #spoil(history: History, random: Random): void {
    for (const [name, spoil] of Object.entries(FAULTS)) {
      if (this.caught.has(name)) continue;
      const spoiled = spoil(history, random);
      const [found] = spoiled === undefined ? [] : explain(spoiled);
      if (spoiled !== undefined && found === undefined) this.violations.push(`not caught: ${name}`);
      if (found !== undefined) this.caught.set(name, found);
    }
  }

  get controls(): Control[] {
    return Object.keys(FAULTS).map((name) => ({ name, caught: this.caught.get(name) }));
  }
}

async function prove(trial: Trial): Promise<Outcome> {
  const histories = new Histories(trial);
  await histories.run();
  const { rounds, violations, controls, operations, messages, kills, unknown } = histories;
  return {
    rounds,
    violations,
    controls,
    facts: [
      ['clients', CLIENTS],
      ['operations', operations],
      ['messages pushed', messages],
      ['kills of the server', kills],
      ['pushes whose outcome their client did not learn', unknown],
    ],
  };
}

export const histories: Proof = {
  about:
    'histories of clients that push, read and stat while the server is killed: each that of a perfect rotating queue',
  round: 'histories of 1,000 operations',
  rounds: 1000,
  run: prove,
};
