/**
 * A queue under a clock that jumps, and what must become of it: a message has the time of the clock at its commit, or that of
 * the one before where the clock is behind it; it goes when the clock, at a commit or a look of the server's own, says that it
 * is older than the limit, and not before.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RoteraClient } from '../../../src/client/node.js';
import type { Random } from '../random.js';
import type { Server } from '../server.js';

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;
const STEPS = 25;
const RETRY_MS = 30_000;

/** Where sequences begin: before what clocks stumble over. */
const BEGINNINGS: Readonly<Record<string, string>> = {
  'an ordinary day': '2026-05-05T12:00:00Z',
  'before summer time begins': '2026-03-29T00:59:58Z',
  'before summer time ends': '2026-10-25T00:59:58Z',
  'before a leap second': '2016-12-31T23:59:58Z',
  'before a leap day ends': '2028-02-29T23:59:58Z',
  'before seconds need more than 31 bits': '2038-01-19T03:14:06Z',
  'soon after 1970': '1970-01-01T00:00:05Z',
};

/** How the clock moves; ms. */
const JUMPS: Readonly<Record<string, (random: Random) => number>> = {
  'goes on': (random) => random.spread(1, 2000),
  'a leap second: once more': () => -SECOND,
  'set back a little': (random) => -random.spread(1, 500),
  'set back': (random) => -random.spread(SECOND, 10 * HOUR),
  'summer time, by one who sets the clock': () => HOUR,
  'winter time, by one who sets the clock': () => -HOUR,
  'years forward': () => 800 * DAY,
  'years back': () => -800 * DAY,
  'a part of the limit': (random) => random.spread(20, 59) * SECOND,
  'about the limit': (random) => 60 * SECOND + random.pick([-1, 0, 1]),
  'longer than the limit': () => 61 * SECOND,
};
/** And straight back again. */
const BACK_AGAIN = 0.3;

const AGES: ReadonlyArray<number | null> = [null, 60, 60, 3600];

export class Sequence {
  readonly wrong: string[] = [];
  readonly jumps = new Map<string, number>();
  pushed = 0;
  aged = 0;
  readonly #name: string;
  readonly #maxAge: number | null;
  readonly #beginning: string;
  readonly #times: number[] = [];
  /** Between these the oldest id must be: the server looks for itself now and then. */
  #least = 0;
  #most = 0;
  #now = 0;
  /** No message is older than its queue. */
  #created = 0;

  constructor(
    readonly number: number,
    readonly server: Server,
    readonly client: RoteraClient,
    readonly random: Random,
  ) {
    this.#name = `sequence-${number}`;
    this.#maxAge = random.pick(AGES);
    this.#beginning = random.pick(Object.keys(BEGINNINGS));
  }

  async run(): Promise<this> {
    const { client, random, server } = this;
    await this.#set(Date.parse(BEGINNINGS[this.#beginning] as string));
    this.#created = this.#now;
    await client.create(this.#name, { maxAgeSeconds: this.#maxAge, maxBytes: 1_000_000, reserve: false });
    await client.read(this.#name, { cursor: 'c' });
    for (let step = 0; step < STEPS && this.wrong.length === 0; step++) {
      await random.pick([
        () => this.#jump(),
        () => this.#jump(),
        () => this.#push(),
        () => this.#push(),
        () => this.#seek(),
      ])();
      await this.#compare();
      if (random.chance(0.01)) await this.#restart();
    }
    for (const file of ['rot', 'rot-lock']) rmSync(join(server.directory, `${this.#name}.${file}`), { force: true });
    return this;
  }

  async #set(now: number): Promise<void> {
    await this.server.tell({ now });
    this.#now = now;
    this.#most = Math.max(this.#most, this.#young());
  }

  async #jump(): Promise<void> {
    const { random } = this;
    const [name, by] = random.pick(Object.entries(JUMPS));
    this.jumps.set(name, (this.jumps.get(name) ?? 0) + 1);
    const before = this.#now;
    await this.#set(Math.max(0, before + by(random)));
    if (random.chance(BACK_AGAIN)) await this.#set(before);
  }

  async #push(): Promise<void> {
    const count = this.random.spread(1, 4);
    const id = this.#times.length;
    const messages = Array.from({ length: count }, (_, i) => `${this.number} ${id + i}`);
    const { first } = await this.client.push(this.#name, messages, { retryMs: RETRY_MS });
    if (first !== id) this.#say(`message ${id} was acknowledged as ${first}`);
    // What is too old goes with the commit.
    this.#least = Math.max(this.#least, this.#young());
    this.#most = Math.max(this.#most, this.#least);
    const time = Math.max(this.#now, this.#times.at(-1) ?? this.#created);
    for (let i = 0; i < count; i++) this.#times.push(time);
    this.pushed += count;
  }

  /** The first id that is young enough by the clock. */
  #young(): number {
    if (this.#maxAge === null) return 0;
    return this.#idAt(this.#now - this.#maxAge * SECOND);
  }

  #idAt(time: number): number {
    const id = this.#times.findIndex((one) => one >= time);
    return id === -1 ? this.#times.length : id;
  }

  /** All that is there, and how it says that it stands. */
  async #compare(): Promise<void> {
    const { client } = this;
    const wanted = { from: 0, limit: 10_000, retryMs: RETRY_MS };
    const { first, next, gap, upToDate, messages } = await client.read(this.#name, wanted);
    if (first < this.#least) this.#say(`begins at ${first}, but all before ${this.#least} are too old`);
    if (first > this.#most) this.#say(`begins at ${first}, but all from ${this.#most} on are young enough`);
    if (next !== this.#times.length) this.#say(`ends at ${next}, and ${this.#times.length} were pushed`);
    if (next !== first + messages.length)
      this.#say(`gives ${messages.length} messages for ids ${first} to ${next - 1}`);
    if (!upToDate) this.#say(`has more behind ${next}`);
    if ((gap?.to ?? 0) !== first || (gap !== null && (gap.from !== 0 || gap.reason !== 'rotated')))
      this.#say(`begins at ${first}, and tells of the gap ${JSON.stringify(gap)}`);
    this.#least = Math.max(this.#least, first);
    this.aged = first;
    for (const [i, { id, time, text }] of messages.entries()) {
      if (id !== first + i) this.#say(`gives id ${id} where ${first + i} stands`);
      if (text !== `${this.number} ${id}`) this.#say(`holds "${text}" as id ${id}`);
      if (time !== this.#times[id]) this.#say(`has time ${time} for id ${id}, and ${this.#times[id]} is right`);
    }
    const { oldest, newestTime, cursors } = await client.stat(this.#name, { retryMs: RETRY_MS });
    if (oldest < first) this.#say(`began at ${first}, and now at ${oldest}`);
    if (oldest < next && Date.parse(newestTime ?? '') !== this.#times.at(-1))
      this.#say(`says that it ends at ${newestTime}`);
    const seconds = cursors['c']?.headroom.seconds;
    if (typeof seconds === 'number' && !(seconds >= 0)) this.#say(`has a cursor with a headroom of ${seconds} s`);
  }

  /** From a time, and from an age. */
  async #seek(): Promise<void> {
    const { random } = this;
    const some = [...this.#times.slice(-5), this.#now].map((time) => time + random.pick([-1, 0, 1, SECOND, -HOUR]));
    const time = Math.max(0, random.pick(some));
    const seconds = random.spread(1, 100_000);
    const asked: ReadonlyArray<readonly [from: string, time: number]> = [
      [new Date(time).toISOString(), time],
      [`${seconds}s`, this.#now - seconds * SECOND],
    ];
    for (const [from, wanted] of asked) {
      const { first } = await this.client.read(this.#name, { from, limit: 1, retryMs: RETRY_MS });
      const [least, most] = [this.#least, this.#most].map((oldest) => Math.max(oldest, this.#idAt(wanted)));
      if (first < (least as number) || first > (most as number))
        this.#say(`gives ${first} for ${from}, and ${least} is right`);
    }
  }

  /** Its machine has lost the time, and finds it again after a while. */
  async #restart(): Promise<void> {
    const { server } = this;
    await server.die();
    await server.start();
    await this.#compare();
    await this.#set(this.#now);
  }

  #say(text: string): void {
    this.wrong.push(
      `sequence ${this.number}, from ${this.#beginning}, maxAgeSeconds ${this.#maxAge}: the queue ${text}`,
    );
  }
}
