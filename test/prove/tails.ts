/**
 * Thousands of tails on one queue, of which a tenth never read: those cost a bounded amount of memory, and the others get what
 * is pushed as soon as they do without them.
 */
import { mkdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { median, quantile } from '../../bench/measure.js';
import { batchOf } from '../../src/batch.js';
import { connect, type RoteraClient } from '../../src/client/node.js';
import { replaced } from './controls/replace.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { QUEUE } from './restarts/producer.js';
import { Server, type ServerOptions } from './server.js';
import { metric, openSilent, Readers, stamp, until } from './tails/crowd.js';

const READING = 1800;
const SILENT = 200;
/** What those that never read ask for: far more than the system takes for them. */
const BACKLOG = { messages: 512, bytes: 64 * 1024 };
const LIMITS = { maxBytes: 64 * 1024 * 1024, reserve: false };
/** Messages pushed in a turn, each when the one before has reached all. */
const PUSHES = 100;
/** Promised: memory of the server with all its tails; memory of one that never reads; how much later the others may get it. */
const MOST_BYTES = 512 * 1024 * 1024;
const MOST_SILENT_BYTES = 512 * 1024;
const MOST_RATIO = 1.3;
/** The control that keeps everything has so few that never read, and no others. */
const CONTROL_SILENT = 10;
const CONTROL_MS = 30_000;
const CONTROL_ROUNDS = 1;
const SPIN_MS = 0.1;

/** A server with its tails. */
class Crowded {
  /** Of each turn: 99 of 100 deliveries came within so many ms, and half of them. */
  readonly p99: number[] = [];
  readonly p50: number[] = [];
  /** Most memory of the process; bytes. */
  memory = 0;
  readonly #server: Server;
  readonly #silent: number;
  #readers: Readers | undefined;
  #client: RoteraClient | undefined;
  #sockets: readonly Socket[] = [];

  /** @param silent tails that never read */
  constructor(
    directory: string,
    silent: number,
    options: ServerOptions = {},
    readonly isBounded = true,
  ) {
    mkdirSync(directory);
    this.#server = new Server(directory, options);
    this.#silent = silent;
  }

  async open(reading: number): Promise<this> {
    await this.#server.start();
    const client = connect({ url: this.#server.url });
    this.#client = client;
    await client.create(QUEUE, LIMITS);
    const message = Buffer.alloc(BACKLOG.bytes, 'x');
    for (let i = 0; i < BACKLOG.messages; i += 64) await client.push(QUEUE, batchOf(Array(64).fill(message)));
    this.#readers = new Readers(this.#server.port);
    await this.#readers.open(reading);
    return this;
  }

  /** Pushes a message and waits until all that read have it. */
  async push(): Promise<void> {
    const readers = this.#readers as Readers;
    const wanted = readers.latencies.length + readers.count;
    await this.#client?.push(QUEUE, stamp());
    await until(() => readers.latencies.length >= wanted, 'every tail gets every message');
  }

  async begin(): Promise<void> {
    (this.#readers as Readers).latencies = [];
    this.#sockets = await this.#openSilent();
  }

  async end(): Promise<void> {
    const { latencies } = this.#readers as Readers;
    this.p99.push(quantile(latencies, 0.99));
    this.p50.push(quantile(latencies, 0.5));
    await this.weigh();
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Looks at the memory of the process. */
  async weigh(): Promise<void> {
    this.memory = Math.max(this.memory, await metric(this.#server.url, 'process_resident_memory_bytes'));
  }

  close(): void {
    this.#readers?.close();
    this.#server.kill();
  }

  /** Anew each turn, since the server cuts those that answer no ping; resolves when it waits for all of them. */
  async #openSilent(): Promise<readonly Socket[]> {
    const silent = await openSilent(this.#server.port, this.#silent);
    const slow = (): Promise<number> => metric(this.#server.url, 'rotera_slow_tails');
    if (this.isBounded)
      await until(async () => (await slow()) >= this.#silent, 'the server waits for those that never read');
    return silent;
  }
}

const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

/** The middle of the ratios of all turns: each is of two turns that follow each other, so that a busy machine slows both. */
const ratioOf = (crowded: Crowded, plain: Crowded): number =>
  median(crowded.p99.map((ms, i) => ms / (plain.p99[i] as number)));

const silentBytes = (crowded: Crowded, plain: Crowded, silent: number): number =>
  Math.max(0, crowded.memory - plain.memory) / silent;

/** Everything that those who never read must not do. */
function* complaints(crowded: Crowded, plain: Crowded, silent: number): Generator<string> {
  const bytes = silentBytes(crowded, plain, silent);
  if (bytes > MOST_SILENT_BYTES) yield `a tail that never reads costs ${mib(bytes)} MiB`;
  if (crowded.memory > MOST_BYTES) yield `the server takes ${mib(crowded.memory)} MiB`;
  const ratio = ratioOf(crowded, plain);
  if (ratio > MOST_RATIO) yield `with those that never read, the others get it ${ratio.toFixed(2)} times as late`;
}

/** Turns of both, push by push, each as often first as the other: what else the machine does slows both. @returns how many */
async function compare(pair: readonly Crowded[], rounds: number, goesOn: (done: number) => boolean): Promise<number> {
  // The first is for the compiler and not counted.
  for (let turn = -1; turn < rounds && (turn < 0 || goesOn(turn)); turn++) {
    if (turn === 0) for (const { p99, p50 } of pair) p99.length = p50.length = 0;
    for (const one of pair) await one.begin();
    for (let i = 0; i < PUSHES; i++) for (const one of i % 2 === 0 ? pair : [...pair].reverse()) await one.push();
    for (const one of pair) await one.end();
  }
  return pair[0]?.p99.length ?? 0;
}

/** A server that sends tails what there is in another way. */
export const frames = (options: { waits: boolean; spinMs: number }): ServerOptions =>
  replaced([{ module: '/src/server/frames.js', by: './frames.js' }], options);

/** A server that never waits for a tail. */
async function unbounded(directory: string, plain: Crowded): Promise<Control> {
  const crowded = new Crowded(directory, CONTROL_SILENT, frames({ waits: false, spinMs: 0 }), false);
  try {
    await crowded.open(0);
    await crowded.begin();
    let caught: string | undefined;
    for (const end = performance.now() + CONTROL_MS; caught === undefined && performance.now() < end; ) {
      await crowded.weigh();
      caught = [...complaints(crowded, plain, CONTROL_SILENT)].find((text) => text.startsWith('a tail'));
    }
    return { name: 'a server that waits for nobody', caught };
  } finally {
    crowded.close();
  }
}

/** A server that takes its time for each delivery. */
async function slow(directory: string, plain: Crowded): Promise<Control> {
  const crowded = new Crowded(directory, SILENT, frames({ waits: true, spinMs: SPIN_MS }));
  try {
    await crowded.open(READING);
    await compare([crowded, plain], CONTROL_ROUNDS, () => true);
    const caught = [...complaints(crowded, plain, SILENT)].find((text) => text.startsWith('with those'));
    return { name: `${SPIN_MS} ms more for each delivery`, caught };
  } finally {
    crowded.close();
  }
}

async function prove(trial: Trial): Promise<Outcome> {
  const { directory } = trial;
  const plain = new Crowded(join(directory, 'without'), 0);
  const crowded = new Crowded(join(directory, 'with'), SILENT);
  try {
    await plain.open(READING);
    await crowded.open(READING);
    const rounds = await compare([crowded, plain], trial.rounds, (done) => {
      trial.progress(done, trial.rounds);
      return performance.now() < trial.endMs;
    });
    const row = (name: string, { p50, p99, memory }: Crowded): string[] => [
      name,
      ...[median(p50), median(p99), Math.max(...p99)].map((ms) => ms.toFixed(1)),
      mib(memory),
    ];
    const table = [
      ['from the push to its delivery', 'p50 ms', 'p99 ms', 'worst turn p99 ms', 'server MiB'],
      row(`${READING} tails that read`, plain),
      row(`the same, and ${SILENT} that never read`, crowded),
    ];
    const facts: Outcome['facts'] = [
      ['deliveries timed', 2 * rounds * PUSHES * READING],
      ['p99 with beside p99 without, the middle of all turns', ratioOf(crowded, plain).toFixed(2)],
      ['KiB of memory for a tail that never reads', (silentBytes(crowded, plain, SILENT) / 1024).toFixed()],
    ];
    const violations = [...complaints(crowded, plain, SILENT)];
    crowded.close();
    const controls = [await unbounded(join(directory, 'unbounded'), plain), await slow(join(directory, 'slow'), plain)];
    return { rounds, facts, table, violations, controls };
  } finally {
    for (const one of [plain, crowded]) one.close();
  }
}

export const tails: Proof = {
  about: `${READING + SILENT} tails on a queue, of which ${SILENT} never read: bounded memory, and the others do not notice`,
  round: 'turns of each',
  rounds: 5,
  run: prove,
};
