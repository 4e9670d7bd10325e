/**
 * Tails that never read, while as much is pushed as goes in: pushes and the other tails do not notice, in turns with a server
 * that has none; and for minutes without a break the server's memory stays small.
 */
import { mkdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PONG_EMPTY } from '../../bench/clients/web-socket.js';
import { median, quantile } from '../../bench/measure.js';
import { batchOf } from '../../src/batch.js';
import { connect, type RoteraClient } from '../../src/client/node.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { QUEUE } from './restarts/producer.js';
import { Server, type ServerOptions } from './server.js';
import { metric, openSilent, Readers, stamp, until } from './tails/crowd.js';
import { frames } from './tails.js';

const SILENT = 100;
const READING = 4;
const PUSHERS = 16;
const LIMITS = { maxBytes: 64 * 1024 * 1024, reserve: false };
/** What those that never read ask for: far more than the system takes for them. */
const BACKLOG = { messages: 512, bytes: 64 * 1024 };
/** Pushed to one server, and then to the other, so often; ms. */
const TURN_MS = 5000;
const TURNS = 18;
/** Then to the one with those that never read, without a break, in each round; ms. */
const ROUND_MS = 60_000;
/** They say that they are there, without being asked, since the server cuts those that answer no ping. */
const PONG_MS = 5000;
const WEIGH_MS = 500;
/** Promised: memory of the server at any time, and how much later the others may be. */
const MOST_BYTES = 300_000_000;
const MOST_RATIO = 1.3;
/** The control has so few, since it keeps everything for each. */
const CONTROL_SILENT = 10;
const CONTROL_MS = 30_000;

/** What was measured in one turn: 99 of 100 took not longer; ms. */
interface Turn {
  readonly pushes: number;
  readonly pushP99: number;
  readonly tailP99: number;
}

/** A server, with tails that read and tails that do not. */
class Pushed {
  readonly turns: Turn[] = [];
  /** Most memory of the process; bytes. */
  memory = 0;
  weighed = 0;
  readonly #server: Server;
  #client!: RoteraClient;
  #readers!: Readers;
  #silent: readonly Socket[] = [];
  #ponging: NodeJS.Timeout | undefined;
  /** Fewest of them that kept the server waiting. */
  fewest = Number.POSITIVE_INFINITY;
  #weighing: Promise<void> = Promise.resolve();
  #isOver = false;

  /** @param silent tails that never read */
  constructor(
    directory: string,
    readonly silent: number,
    options: ServerOptions = {},
  ) {
    mkdirSync(directory);
    this.#server = new Server(directory, options);
  }

  async open(): Promise<this> {
    await this.#server.start();
    this.#client = connect({ url: this.#server.url });
    await this.#client.create(QUEUE, LIMITS);
    const message = Buffer.alloc(BACKLOG.bytes, 'x');
    for (let i = 0; i < BACKLOG.messages; i += 64) await this.#client.push(QUEUE, batchOf(Array(64).fill(message)));
    this.#readers = new Readers(this.#server.port);
    await this.#readers.open(READING);
    this.#weighing = this.#weigh();
    return this;
  }

  /** Those that never read come, and stay. */
  async crowd(): Promise<void> {
    this.#silent = await openSilent(this.#server.port, this.silent);
    for (const socket of this.#silent) socket.on('error', () => undefined);
    this.#ponging = setInterval(() => {
      for (const socket of this.#silent) socket.write(PONG_EMPTY);
    }, PONG_MS);
  }

  /** Those that the server waits for. */
  async slow(): Promise<number> {
    return metric(this.#server.url, 'rotera_slow_tails');
  }

  /** As much as goes in, for so long. */
  async turn(ms: number): Promise<Turn> {
    const latencies: number[] = [];
    this.#readers.latencies = [];
    const end = performance.now() + ms;
    const push = async (): Promise<void> => {
      while (performance.now() < end) {
        const began = performance.now();
        await this.#client.push(QUEUE, stamp());
        latencies.push(performance.now() - began);
      }
    };
    await Promise.all(Array.from({ length: PUSHERS }, push));
    await until(() => this.#readers.latencies.length >= latencies.length * READING, 'every tail gets every message');
    const [pushP99, tailP99] = [quantile(latencies, 0.99), quantile(this.#readers.latencies, 0.99)];
    return { pushes: latencies.length, pushP99, tailP99 };
  }

  async close(): Promise<void> {
    this.#isOver = true;
    clearInterval(this.#ponging);
    await this.#weighing;
    for (const socket of this.#silent) socket.destroy();
    this.#readers?.close();
    this.#server.kill();
  }

  async #weigh(): Promise<void> {
    for (; !this.#isOver; await sleep(WEIGH_MS)) {
      this.memory = Math.max(this.memory, await metric(this.#server.url, 'process_resident_memory_bytes'));
      if (this.#ponging !== undefined) this.fewest = Math.min(this.fewest, await this.slow());
      this.weighed++;
    }
  }
}

const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

/** The middle of the ratios of turns that follow each other. */
const ratioOf = (crowded: readonly Turn[], plain: readonly Turn[], of: (turn: Turn) => number): number =>
  median(crowded.map((turn, i) => of(turn) / of(plain[i] as Turn)));

/** Everything that those who never read must not do. */
function* complaints(memory: number, crowded: readonly Turn[], plain: readonly Turn[]): Generator<string> {
  if (memory > MOST_BYTES) yield `the server takes ${mib(memory)} MiB`;
  const pushes = ratioOf(crowded, plain, ({ pushP99 }) => pushP99);
  if (pushes > MOST_RATIO) yield `with tails that never read, pushes take ${pushes.toFixed(2)} times as long`;
  const tails = ratioOf(crowded, plain, ({ tailP99 }) => tailP99);
  if (tails > MOST_RATIO) yield `with tails that never read, the others get it ${tails.toFixed(2)} times as late`;
}

/** A server that never waits for a tail. */
async function unbounded(directory: string): Promise<Control> {
  const crowded = await new Pushed(directory, CONTROL_SILENT, frames({ waits: false, spinMs: 0 })).open();
  try {
    await crowded.crowd();
    let caught: string | undefined;
    for (const end = performance.now() + CONTROL_MS; caught === undefined && performance.now() < end; ) {
      await sleep(WEIGH_MS);
      caught = [...complaints(crowded.memory, [], [])][0];
    }
    return { name: 'a server that waits for nobody', caught };
  } finally {
    await crowded.close();
  }
}

/** The same turns, made wrong in one way each. */
function tampered(turns: readonly Turn[]): Control[] {
  const wrong: Record<string, (turn: Turn) => Turn> = {
    'pushes that wait for tails': (turn) => ({ ...turn, pushP99: 1.4 * turn.pushP99 }),
    'tails that wait for others': (turn) => ({ ...turn, tailP99: 1.4 * turn.tailP99 }),
  };
  return Object.entries(wrong).map(([name, change]) => {
    return { name, caught: [...complaints(0, turns.map(change), turns)][0] };
  });
}

async function prove(trial: Trial): Promise<Outcome> {
  const { directory, rounds, endMs, progress } = trial;
  const plain = new Pushed(join(directory, 'without'), 0);
  const crowded = new Pushed(join(directory, 'with'), SILENT);
  const unbroken: Turn[] = [];
  try {
    for (const one of [plain, crowded]) await one.open();
    await crowded.crowd();
    await until(async () => (await crowded.slow()) === SILENT, 'all tails keep the server waiting');
    crowded.fewest = SILENT;
    // The first is for the compiler and not counted.
    for (let at = -1; at < TURNS; at++) {
      for (const one of at % 2 === 0 ? [plain, crowded] : [crowded, plain]) {
        const turn = await one.turn(TURN_MS);
        if (at >= 0) one.turns.push(turn);
      }
    }
    while (unbroken.length < rounds && performance.now() < endMs) {
      unbroken.push(await crowded.turn(ROUND_MS));
      progress(unbroken.length, rounds, `${mib(crowded.memory)} MiB`);
    }
    const row = (name: string, turns: readonly Turn[], memory: string): string[] => [
      name,
      String(turns.reduce((sum, { pushes }) => sum + pushes, 0)),
      median(turns.map(({ pushP99 }) => pushP99)).toFixed(1),
      median(turns.map(({ tailP99 }) => tailP99)).toFixed(1),
      memory,
    ];
    const violations = [...complaints(crowded.memory, crowded.turns, plain.turns)];
    if (crowded.fewest < SILENT) violations.push(`only ${crowded.fewest} tails kept the server waiting`);
    const outcome = {
      rounds: unbroken.length,
      facts: [
        ['looks at the memory', crowded.weighed],
        ['p99 of pushes with beside without', ratioOf(crowded.turns, plain.turns, ({ pushP99 }) => pushP99).toFixed(2)],
        ['p99 of tails with beside without', ratioOf(crowded.turns, plain.turns, ({ tailP99 }) => tailP99).toFixed(2)],
      ] as const,
      table: [
        ['server', 'pushes', 'push p99 ms', 'tail p99 ms', 'most MiB'],
        row(`in turns: with ${READING} tails that read`, plain.turns, mib(plain.memory)),
        row(`the same, and ${SILENT} that never read`, crowded.turns, ''),
        row('those, without a break', unbroken, mib(crowded.memory)),
      ],
      violations,
    };
    for (const one of [plain, crowded]) await one.close();
    return { ...outcome, controls: [...tampered(plain.turns), await unbounded(join(directory, 'unbounded'))] };
  } finally {
    for (const one of [plain, crowded]) await one.close();
  }
}

export const neverReading: Proof = {
  about: `${SILENT} tails that never read, for minutes, while as much is pushed as goes in: memory stays small`,
  round: 'minutes without a break',
  rounds: 10,
  run: prove,
};
