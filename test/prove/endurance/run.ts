/**
 * A server for hours: pushed to, read, looked at, and started again every few minutes.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messagesOf } from '../../../src/batch.js';
import { connect, type RoteraClient } from '../../../src/client/node.js';
import { messageOf as textOf } from '../../../src/errors.js';
import { checkRotFile } from '../../../src/queue/check.js';
import type { Trial } from '../proof.js';
import { Random } from '../random.js';
import { Server } from '../server.js';
import { Course } from './course.js';
import { makeAndRemove } from './cycles.js';
import { Frozen } from './frozen.js';
import { hold } from './held.js';
import { look } from './look.js';
import { Notes } from './notes.js';
import { push } from './producers.js';
import { LOADS, writerNumber } from './queues.js';
import { read } from './readers.js';
import type { Sample } from './samples.js';

/** Lengths of the server's lives, in turns: minutes, or less in a short run. One is so long that what leaks shows in it. */
const LIVES = [3, 2, 4, 3, 2, 20];
const MINUTE_MS = 60_000;
/** Of all the time: most that a unit of a life takes, and that lies between two looks. */
const UNITS = 40;
const LOOKS = 250;
const MOST_LOOK_MS = 30_000;
/** A queue to which nobody could push for so long hangs; ms. */
const SILENT_MS = 60_000;
/** The server promises to end within ten seconds. */
const MOST_STOP_MS = 11_000;
/** What the server may write to standard error: warnings of what is done to it here. */
const EXPECTED: ReadonlyArray<readonly [line: RegExp, fact: string]> = [
  [/^\{"level":40,.*"msg":"a tail was cut"/, 'tails cut that took nothing for a minute'],
  [/^\{"level":40,.*"queue":"extra-.*"msg":"a rot file cannot be opened"/, 'files removed while they were opened'],
];
const FOREVER = { retryMs: Number.POSITIVE_INFINITY };
const PAGE = 10_000;

export class Endurance {
  readonly notes = new Notes();
  readonly frozen = new Frozen();
  readonly samples: Sample[] = [];
  readonly dropped: Sample[] = [];
  looks = 0;
  readonly server: Server;
  restarts = 0;
  #client!: RoteraClient;
  #everyone: Promise<unknown> = Promise.resolve();
  #begun = performance.now();
  #started = performance.now();

  constructor(
    readonly trial: Trial,
    directory: string,
    /** Modules that the server loads before its own. */
    imports: readonly string[] = [],
  ) {
    mkdirSync(directory);
    this.server = new Server(directory, {
      imports,
      hear: (line) => {
        const fact = EXPECTED.find(([expected]) => expected.test(line))?.[1];
        if (fact !== undefined) this.notes.count(fact);
        else this.notes.say(`the server wrote to standard error: ${line}`);
      },
    });
  }

  async open(): Promise<this> {
    await this.server.start();
    const { url, port } = this.server;
    const { notes } = this;
    const client = connect({ url, onRetry: ({ code }) => notes.count(`tried again after '${code}'`) });
    this.#client = client;
    for (const { name, limits } of LOADS) await client.create(name, limits);
    const random = new Random(this.trial.seed).fork(1);
    this.#begun = this.#started = performance.now();
    for (const { name } of LOADS) notes.alive.set(name, this.#begun);
    this.#everyone = Promise.all([
      push(LOADS, client, random.fork(1), notes),
      read({ client, random: random.fork(2), notes }),
      hold(port, random.fork(3), notes),
      makeAndRemove(this.server, client, random.fork(4), notes),
    ]);
    return this;
  }

  /** Goes on until the time is up, or the server was started again as often as asked for. */
  async last(): Promise<void> {
    const { endMs, rounds, progress } = this.trial;
    const wholeMs = endMs - performance.now();
    const unitMs = Math.min(MINUTE_MS, wholeMs / UNITS);
    const lookMs = Math.min(MOST_LOOK_MS, wholeMs / LOOKS);
    while (performance.now() < endMs && this.restarts < rounds) {
      const before = performance.now();
      await sleep(Math.min(lookMs, Math.max(0, endMs - before)));
      await this.#look(before);
      this.#heed();
      const { endedWith } = this.server;
      if (endedWith !== undefined) {
        this.notes.say(`the server ended by itself with ${endedWith}`);
        await this.#start();
      } else if (performance.now() > this.#started + unitMs * (LIVES[this.restarts % LIVES.length] as number)) {
        await this.#restart();
        progress(this.restarts, rounds, `${this.notes.of('messages acknowledged')} messages acknowledged`);
      }
    }
  }

  /** Lets everyone come to the end, and reads everything once more. */
  async end(): Promise<void> {
    const { notes } = this;
    notes.over.abort();
    await this.#everyone;
    for (const load of LOADS) {
      const { oldest, next } = await this.#client.stat(load.name, FOREVER);
      const numbers = Array.from({ length: load.writers }, (_, i) => writerNumber(load, i));
      const pushed = numbers.reduce((sum, number) => sum + (notes.pushed.get(number) ?? 0), 0);
      if (pushed !== next) notes.say(`${pushed} messages were pushed to ${load.name}, ${next} are stored`);
      const course = new Course('the last read', load, notes);
      course.next = oldest;
      while ((course.next ?? next) < next) {
        const { first, records, gap } = await this.#client.readRecords(load.name, {
          from: course.next,
          to: next,
          limit: PAGE,
          ...FOREVER,
        });
        course.take(first, messagesOf(records), gap);
      }
    }
    await this.#look(performance.now());
    await this.#endLife(true);
    await this.#client.close();
    for (const { name } of LOADS) {
      const { problems } = await checkRotFile(join(this.server.directory, `${name}.rot`));
      for (const problem of problems) notes.say(`the file of ${name}: ${problem}`);
    }
  }

  close(): void {
    this.notes.over.abort();
    this.frozen.stop();
    this.server.kill();
  }

  /** A look, dropped when this process stood still since `before`: then the server may have, too. */
  async #look(before: number): Promise<void> {
    const { server, notes } = this;
    this.looks++;
    try {
      const sample = await look({ server, client: this.#client, notes, life: this.restarts, began: this.#begun });
      (this.frozen.since(before) ? this.dropped : this.samples).push(sample);
    } catch (error) {
      if (server.endedWith === undefined && !this.frozen.since(before))
        notes.say(`no look was possible: ${textOf(error)}`);
    }
  }

  /** Whether every queue is pushed to. */
  #heed(): void {
    const now = performance.now();
    const since = Math.max(this.#started, this.frozen.lastMs);
    for (const [queue, alive] of this.notes.alive)
      if (now - Math.max(alive, since) > SILENT_MS) this.notes.say(`nobody could push to ${queue} for a minute`);
  }

  /** In turns gracefully and with signal 9. */
  async #restart(): Promise<void> {
    const isGraceful = this.restarts % 2 === 0;
    await this.#look(performance.now());
    await this.#endLife(isGraceful);
    this.restarts++;
    await this.#start();
    const minutes = ((performance.now() - this.#begun) / MINUTE_MS).toFixed(1);
    const way = isGraceful ? 'SIGTERM' : 'kill -9';
    this.trial.print(`minute ${minutes}: ${this.notes.of('pushes acknowledged')} pushes, started again after ${way}`);
  }

  async #endLife(isGraceful: boolean): Promise<void> {
    try {
      if (isGraceful) await this.#stop();
      else await this.server.die();
    } catch (error) {
      // It had ended by itself; the others are to be heard all the same.
      this.notes.say(textOf(error));
    }
  }

  async #stop(): Promise<void> {
    const before = performance.now();
    const { endedWith, ms } = await this.server.stop();
    // One that stood still as well may be late, and be killed for that; every other end is its own.
    const stoodStill = this.frozen.since(before);
    if (endedWith !== 0 && !(stoodStill && endedWith === 'SIGKILL'))
      this.notes.say(`the server ended with ${endedWith}`);
    if (ms > MOST_STOP_MS && !stoodStill) this.notes.say(`the server took ${ms.toFixed()} ms to stop`);
  }

  async #start(): Promise<void> {
    const before = performance.now();
    try {
      await this.server.start();
    } catch (error) {
      // One that was given up while this process stood still.
      if (!this.frozen.since(before)) throw error;
      await this.server.start();
    }
    this.#started = performance.now();
  }
}
