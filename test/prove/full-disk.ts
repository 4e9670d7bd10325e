/**
 * The built server on a file system that is filled to the last byte: queues with reserved room do not notice, the others refuse
 * pushes, serve reads, and go on when there is room.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { batchOf, messagesOf } from '../../src/batch.js';
import { type CreateLimits, connect, type RoteraClient } from '../../src/client/node.js';
import { isRoteraError } from '../../src/errors.js';
import { BLOCK_BYTES } from '../../src/queue/block.js';
import { checkRotFile } from '../../src/queue/check.js';
import type { Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { Server } from './server.js';
import { SmallDisk } from './small-disk.js';

const MIB = 1024 * 1024;
const DISK_MIB = 96;
/** Its room is allocated: rotated so often while the disk is full. */
const KEPT = { maxBytes: 16 * MIB };
const ROTATIONS = 3;
/** Its room is not allocated, and there is less of it than it may take. */
const GROWN = { maxBytes: 64 * MIB, reserve: false };
const BATCH_BYTES = 256 * 1024;
/** A push to a full disk is looked at more closely each so many times. */
const LOOK_EVERY = 25;
/** So many large pushes at the most fit into the free pages of a queue. */
const LARGE_PUSHES = 64;
/** How long the server may take to see a file that it could not open before. */
const PATIENCE_MS = 10_000;

/** One queue as its client knows it. */
class Pushed {
  readonly #messages = new Map<number, Buffer>();
  next = 0;
  bytes = 0;

  constructor(
    readonly client: RoteraClient,
    readonly queue: string,
    readonly maxBytes: number,
    readonly random: Random,
  ) {}

  get count(): number {
    return this.#messages.size;
  }

  /** Pushes some messages of mixed sizes; the code of the refusal, if there is one. */
  async push(bytes = BATCH_BYTES): Promise<string | undefined> {
    const messages: Buffer[] = [];
    for (let left = bytes; left > 0; left -= messages.at(-1)?.length ?? 0) {
      messages.push(Buffer.alloc(Math.min(left, this.random.spread(20, 64 * 1024)), `${this.next + messages.length} `));
    }
    try {
      const { first, next } = await this.client.push(this.queue, batchOf(messages));
      for (const [i, message] of messages.entries()) this.#messages.set((first ?? 0) + i, message);
      this.next = next ?? 0;
      this.bytes += bytes;
      return undefined;
    } catch (error) {
      if (isRoteraError(error)) return error.code;
      throw error;
    }
  }

  /** What is wrong with what is kept: as many of the newest messages as its limit allows, as they were acknowledged, and no others. */
  async *wrong(): AsyncGenerator<string> {
    let from: number | 'oldest' = 'oldest';
    let bytes = 0;
    while (true) {
      const { first, next, records, upToDate, gap } = await this.client.readRecords(this.queue, { from, limit: 1000 });
      if (gap !== null) yield `${this.queue}: a gap from ${gap.from} to ${gap.to}`;
      if (from !== 'oldest' && first !== from) yield `${this.queue}: goes on at ${first} behind ${from}`;
      let id = first;
      for (const message of messagesOf(records)) {
        if (!this.#messages.get(id)?.equals(message)) yield `${this.queue}: ${id} is not what was pushed`;
        bytes += message.length;
        id++;
      }
      from = next;
      if (!upToDate) continue;
      const least = Math.min(this.bytes, this.maxBytes - BLOCK_BYTES - BATCH_BYTES);
      if (bytes < least) yield `${this.queue}: keeps ${bytes} bytes, should keep ${least}`;
      if (next !== this.next) yield `${this.queue}: ends at ${next}, acknowledged up to ${this.next}`;
      return;
    }
  }
}

class FullDisk {
  readonly violations: string[] = [];
  readonly facts: Array<[string, string | number]> = [];
  readonly #trial: Trial;
  readonly #disk: SmallDisk;
  readonly #server: Server;
  #client!: RoteraClient;

  private constructor(trial: Trial, directory: string) {
    this.#trial = trial;
    mkdirSync(directory);
    this.#disk = SmallDisk.make(directory, DISK_MIB);
    this.#server = new Server(this.#disk.directory);
  }

  static async run(trial: Trial, name: string, prove: (full: FullDisk) => Promise<void>): Promise<FullDisk> {
    const full = new FullDisk(trial, join(trial.directory, name));
    try {
      await full.#start();
      await prove(full);
      const { endedWith } = await full.#server.stop();
      full.#expect(endedWith === 0, `the server ended with ${endedWith}`);
    } finally {
      full.#server.kill();
      // The kernel lets go of a killed process's files in its own time.
      await sleep(200);
      full.#disk.remove();
    }
    return full;
  }

  async #start(): Promise<void> {
    await this.#server.start();
    this.#client = connect({ url: this.#server.url, retryMs: 0 });
  }

  async #queue(name: string, limits: CreateLimits & typeof KEPT): Promise<Pushed> {
    await this.#client.create(name, limits);
    return new Pushed(this.#client, name, limits.maxBytes, new Random(this.#trial.seed).fork(name.length));
  }

  #expect(holds: boolean, problem: string): void {
    if (!holds) this.violations.push(problem);
  }

  /** Everything that is promised. */
  async all(): Promise<void> {
    const { progress, rounds } = this.#trial;
    const kept = await this.#queue('kept', KEPT);
    const grown = await this.#queue('grown', GROWN);
    this.#expect((await grown.push()) === undefined, 'grown: a push is refused before the disk is full');
    this.#disk.fill();
    this.facts.push(['bytes pushed to the reserved queue, disk full', await this.#rotate(kept)]);
    await this.#refused(grown, rounds, (done) => progress(done, rounds));
    await this.#noNewFiles();
    await this.#goesOn(grown);
    await this.#reopened([kept, grown]);
    this.#disk.free();
    this.#expect((await grown.push()) === undefined, 'grown: a push is refused though there is room again');
    for (const queue of [kept, grown]) for await (const wrong of queue.wrong()) this.violations.push(wrong);
    for (const { queue } of [kept, grown]) {
      const report = await checkRotFile(join(this.#disk.directory, `${queue}.rot`));
      this.violations.push(...report.problems.map((problem) => `${queue}: ${problem}`));
    }
    this.facts.push(['messages acknowledged', kept.count + grown.count]);
  }

  /** Pushes whole rotations to a queue while the disk is full. @returns bytes acknowledged */
  async #rotate(queue: Pushed): Promise<number> {
    const before = queue.bytes;
    while (queue.bytes - before < ROTATIONS * KEPT.maxBytes) {
      const code = await queue.push();
      if (code === undefined) continue;
      this.violations.push(`${queue.queue}: a push is refused (${code}) after ${queue.bytes} bytes`);
      break;
    }
    for await (const wrong of queue.wrong()) this.violations.push(wrong);
    const { file } = await this.#client.stat(queue.queue);
    const { size } = statSync(join(this.#disk.directory, `${queue.queue}.rot`));
    this.#expect(size <= file.limit, `${queue.queue}: the file has ${size} bytes, more than its limit ${file.limit}`);
    return queue.bytes - before;
  }

  /** Rotations of a queue that has no room of its own: must go wrong. */
  async unreserved(): Promise<void> {
    const queue = await this.#queue('unreserved', { ...KEPT, reserve: false });
    this.#disk.fill();
    await this.#rotate(queue);
  }

  /** Less is there than was acknowledged: must go wrong. */
  async lost(): Promise<void> {
    const queue = await this.#queue('lost', KEPT);
    await queue.push();
    for await (const wrong of queue.wrong()) throw new Error(wrong);
    queue.bytes += MIB;
    for await (const wrong of queue.wrong()) this.violations.push(wrong);
  }

  /** Pushes are refused, each with the reason, and everything else goes on. */
  async #refused(queue: Pushed, times: number, progress: (done: number) => void): Promise<void> {
    let refused = 0;
    let accepted = 0;
    while (refused < times) {
      // What fits into pages that are free is taken.
      const code = await queue.push(queue.random.spread(4096, MIB));
      if (code === undefined) accepted++;
      else if (code === 'disk_full') progress(++refused);
      else this.violations.push(`${queue.queue}: a push on a full disk is refused with ${code}`);
      if (this.violations.length > 0) return;
      if (refused % LOOK_EVERY > 0) continue;
      for await (const wrong of queue.wrong()) this.violations.push(wrong);
      const { state } = await this.#client.stat(queue.queue);
      this.#expect(state === 'ok', `${queue.queue}: is ${state} though only the disk is full`);
    }
    this.facts.push(['pushes refused', refused], ['pushes taken into free pages meanwhile', accepted]);
  }

  /** Refuses a push that it takes as soon as there is room, without a start in between. */
  async #goesOn(queue: Pushed): Promise<void> {
    let code: string | undefined;
    // What fits into pages that are free is taken.
    for (let i = 0; i < LARGE_PUSHES && code === undefined; i++) code = await queue.push(MIB);
    this.#expect(code === 'disk_full', `${queue.queue}: a large push to the full disk is answered with ${code}`);
    this.#disk.free();
    code = await queue.push(MIB);
    this.#expect(code === undefined, `${queue.queue}: a push is refused (${code}) though there is room again`);
    for await (const wrong of queue.wrong()) this.violations.push(wrong);
    this.#disk.fill();
  }

  /** A queue that cannot be made leaves nothing. */
  async #noNewFiles(): Promise<void> {
    const before = readdirSync(this.#disk.directory).sort();
    for (const reserve of [true, false]) {
      const code = await this.#client.create(`new-${reserve}`, { ...KEPT, reserve }).then(
        () => 'created',
        (error) => (isRoteraError(error) ? error.code : String(error)),
      );
      this.#expect(code === 'disk_full', `a create (reserve: ${reserve}) on a full disk: ${code}`);
    }
    const after = readdirSync(this.#disk.directory).sort();
    this.#expect(after.join() === before.join(), `a create that was refused left ${after.join()}`);
  }

  /** Killed and started on the full disk, with and without the lock files that lmdb wants. */
  async #reopened(queues: readonly Pushed[]): Promise<void> {
    for (const lockFiles of [true, false]) {
      this.#server.kill();
      await sleep(200);
      if (!lockFiles) for (const { queue } of queues) rmSync(join(this.#disk.directory, `${queue}.rot-lock`));
      if (!lockFiles) this.#disk.fill();
      await this.#start();
      for (const { queue } of queues) {
        const answer = await this.#client.stat(queue).then(
          ({ state }) => state,
          (error) => (isRoteraError(error) ? error.code : String(error)),
        );
        const wanted = lockFiles ? 'ok' : 'queue_unreadable';
        this.#expect(answer === wanted, `${queue}: started on a full disk (lock files: ${lockFiles}), it is ${answer}`);
      }
      if (lockFiles) for (const queue of queues) for await (const wrong of queue.wrong()) this.violations.push(wrong);
      // It has its room after a start, too.
      if (lockFiles) await this.#rotate(queues[0] as Pushed);
    }
    this.#disk.free();
    const end = performance.now() + PATIENCE_MS;
    for (const { queue } of queues) {
      while (!(await this.#client.stat(queue).catch(() => undefined))) {
        if (performance.now() > end) throw new Error(`${queue} is not opened though there is room for its lock file`);
        await sleep(50);
      }
    }
  }
}

async function prove(trial: Trial): Promise<Outcome> {
  const full = await FullDisk.run(trial, 'full', (full) => full.all());
  const unreserved = await FullDisk.run(trial, 'unreserved', (full) => full.unreserved());
  const lost = await FullDisk.run(trial, 'lost', (full) => full.lost());
  return {
    rounds: trial.rounds,
    violations: full.violations,
    controls: [
      { name: 'room that is not reserved', caught: unreserved.violations.find((text) => /disk_full/.test(text)) },
      { name: 'messages that are not there', caught: lost.violations.find((text) => /should keep/.test(text)) },
    ],
    facts: full.facts,
  };
}

export const fullDisk: Proof = {
  about:
    'a file system filled to the last byte: three rotations of a queue with its room, refusals of one without; for root',
  round: 'refused pushes',
  rounds: 1000,
  run: prove,
};
