/**
 * The specification of a queue as a program: a plain array of all messages ever pushed, and what a rotating queue must say of
 * them after any run of operations. Run against the engine on real files.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { batchOf, messagesOf } from '../../src/batch.js';
import { isRoteraError, RoteraError } from '../../src/errors.js';
import { keyChunk, keyFirst, newBlockCache } from '../../src/queue/block-store.js';
import { checkRotFile } from '../../src/queue/check.js';
import { createRotFile } from '../../src/queue/create.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/queue/limits.js';
import { Queue } from '../../src/queue/queue.js';
import { RotFile } from '../../src/queue/rot-file.js';

const limitsArbitrary = fc.record({
  maxMessages: fc.constantFrom(1, 3, 10, 1000),
  maxBytes: fc.constantFrom(10, 300, 5000, 200_000),
  maxAgeSeconds: fc.constantFrom(null, null, 5, 60),
  reserve: fc.constantFrom(true, false, false, false),
});

const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 3000 })), {
  minLength: 1,
  maxLength: 6,
});

const operation = fc.oneof(
  { weight: 6, arbitrary: fc.record({ op: fc.constant('push' as const), sizes }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('parallel' as const),
      pushes: fc.array(sizes, { minLength: 2, maxLength: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant('produce' as const),
      id: fc.constantFrom('a', 'b'),
      step: fc.constantFrom(-3, -1, 0, 1, 1, 1, 2),
      sizes,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('read' as const),
      back: fc.nat(40),
      limit: fc.integer({ min: 1, max: 20 }),
      maxBytes: fc.integer({ min: 1, max: 4000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('wait' as const), sizes }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('ack' as const), name: fc.constantFrom('c', 'd'), back: fc.nat(30) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('condition' as const), off: fc.constantFrom(0, 0, 1), sizes }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('clock' as const), seconds: fc.constantFrom(-3, 1, 4, 30, 90) }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('seek' as const), back: fc.nat(120) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('damage' as const), at: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('fail' as const), sizes }) },
);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

interface Message {
  readonly bytes: Buffer;
  /** Commit time, ms. */
  readonly time: number;
}

function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

const equal = (actual: unknown, expected: unknown, what: string): void =>
  expect(Object.is(actual, expected), `${what}: ${String(actual)}, not ${String(expected)}`);

let fileNumber = 0;

/** The engine and the model, side by side. */
class Run {
  now = 1_000_000;
  readonly path: string;
  readonly all: Message[] = [];
  oldest = 0;
  readonly producers = new Map<string, { seq: number; ids: Array<[number, number]> }>();
  readonly cursors = new Map<string, number>();
  /** Ids that may be told as damaged. */
  readonly damaged = new Set<number>();
  #queue!: Queue;
  #file!: RotFile;
  #epoch: string | undefined;

  constructor(
    directory: string,
    readonly limits: Limits,
  ) {
    this.path = join(directory, `q${fileNumber++}.rot`);
  }

  async open(): Promise<void> {
    this.#file = await RotFile.open(this.path, { blocks: newBlockCache() });
    this.#queue = new Queue('q', this.#file, { now: () => this.now });
    this.#epoch ??= this.#queue.epoch;
    equal(this.#queue.epoch, this.#epoch, 'epoch');
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }

  async apply(operation: Operation): Promise<void> {
    switch (operation.op) {
      case 'push':
        return await this.push(operation.sizes);
      case 'parallel':
        await Promise.all(operation.pushes.map((sizes) => this.push(sizes)));
        return;
      case 'produce':
        return await this.produce(operation.id, operation.step, operation.sizes);
      case 'read':
        return this.read(Math.max(0, this.all.length - operation.back), operation.limit, operation.maxBytes);
      case 'wait': {
        const waiting = this.#queue.waitFor(this.all.length, AbortSignal.timeout(5000));
        await this.push(operation.sizes);
        if (this.fits(operation.sizes)) equal(await waiting, true, 'a wait ends with the push');
        return;
      }
      case 'ack':
        return await this.ack(operation.name, this.all.length - operation.back);
      case 'condition':
        return await this.pushIf(operation.off, operation.sizes);
      case 'clock':
        this.now += operation.seconds * 1000;
        return await this.#queue.expire();
      case 'seek':
        return this.seek(this.now - operation.back * 1000);
      case 'reopen':
        await this.close();
        return await this.open();
      case 'damage':
        return await this.damage(operation.at);
      case 'fail':
        return await this.failWrite(operation.sizes);
    }
  }

  fits(sizes: readonly number[]): boolean {
    return (
      sizes.length <= this.limits.maxMessages && sizes.reduce((sum, size) => sum + size, 0) <= this.limits.maxBytes
    );
  }

  messages(sizes: readonly number[]): Buffer[] {
    return sizes.map((size, i) => Buffer.alloc(size, `${this.all.length + i}-${this.now}-${size};`));
  }

  /** What the model takes over once the engine has acknowledged. Pushes are acknowledged in order. */
  took(messages: readonly Buffer[], first: number | null, next: number | null): void {
    equal(first, this.all.length, 'first');
    const { time } = this.#file.state;
    for (const bytes of messages) this.all.push({ bytes, time });
    equal(next, this.all.length, 'next');
  }

  async push(sizes: readonly number[]): Promise<void> {
    const messages = this.messages(sizes);
    try {
      const { first, next } = await this.#queue.push(batchOf(messages));
      this.took(messages, first, next);
    } catch (error) {
      if (!isRoteraError(error, 'push_too_large')) throw error;
      expect(!this.fits(sizes), 'refused as too large although it fits');
    }
  }

  async produce(id: string, step: number, sizes: readonly number[]): Promise<void> {
    if (!this.fits(sizes)) return;
    const known = this.producers.get(id) ?? { seq: -1, ids: [] };
    const seq = known.seq + step;
    if (seq < 0) return;
    const messages = this.messages(sizes);
    try {
      const pushed = await this.#queue.push(batchOf(messages), { producer: { id, epoch: 0, seq } });
      if (step <= 0) {
        equal(pushed.duplicate, true, 'a repeat is known');
        const [first, next] = known.ids[seq] as [number, number];
        equal(pushed.first, first, 'first of a repeat');
        equal(pushed.next, next, 'next of a repeat');
        return;
      }
      equal(step, 1, 'a skipped seq is refused');
      this.took(messages, pushed.first, pushed.next);
      known.ids.push([pushed.first as number, pushed.next as number]);
      this.producers.set(id, { seq, ids: known.ids });
    } catch (error) {
      if (!isRoteraError(error, 'producer_gap')) throw error;
      expect(step > 1, 'refused as a gap although none');
    }
  }

  async pushIf(off: number, sizes: readonly number[]): Promise<void> {
    if (!this.fits(sizes)) return;
    const messages = this.messages(sizes);
    const ifMatch = { epoch: this.#queue.epoch, next: this.all.length + off };
    try {
      const { first, next } = await this.#queue.push(batchOf(messages), { ifMatch });
      equal(off, 0, 'a condition that does not hold is refused');
      this.took(messages, first, next);
    } catch (error) {
      if (!isRoteraError(error, 'next_moved')) throw error;
      expect(off !== 0, 'refused although nothing moved');
    }
  }

  async ack(name: string, id: number): Promise<void> {
    const position = this.cursors.get(name);
    const { oldest } = this.#queue;
    if (position === undefined) {
      const { position: made } = await this.#queue.moveCursor({
        kind: 'open',
        name,
        position: oldest,
        move: false,
      });
      this.cursors.set(name, made);
      equal(made, oldest, 'a new cursor is where it was asked to be');
      return;
    }
    if (id < 0 || id >= this.all.length) return;
    const after = await this.#queue.moveCursor({ kind: 'ack', name, id });
    equal(after.position, Math.max(position, id + 1), 'an ack only ever moves forwards');
    this.cursors.set(name, after.position);
  }

  /** Reads from an id on, and compares with the array. */
  read(from: number, limit: number, maxBytes: number): void {
    const result = this.#queue.read({ from, limit, maxBytes });
    equal(result.next, result.first + result.count, 'next of a read');
    expect(result.count <= limit, 'limit');
    let id = result.first;
    let bytes = 0;
    for (const slice of result.slices) {
      for (const message of messagesOf(slice.records)) {
        const expected = this.all[id] as Message;
        expect(expected.bytes.equals(message), `message ${id} is not the one that was pushed`);
        equal(slice.time, expected.time, `time of message ${id}`);
        bytes += message.length;
        id++;
      }
    }
    equal(id, result.next, 'messages of a read');
    expect(bytes <= maxBytes || result.count === 1, 'maxBytes');
    const lost = result.first - from;
    equal(result.gap === null ? 0 : result.gap.to - result.gap.from, lost, 'a gap is told, to the message');
    for (let gone = Math.max(from, this.oldest); gone < result.first; gone++) {
      expect(this.damaged.has(gone), `message ${gone} is told as gone although it is kept and sound`);
    }
    if (result.count === 0)
      expect(result.first >= this.all.length || this.damaged.size > 0, 'nothing read although there is');
  }

  seek(time: number): void {
    const id = this.#queue.idAt(time);
    const expected = this.all.findIndex((message, i) => i >= this.oldest && message.time >= time);
    if (this.damaged.size === 0) equal(id, expected === -1 ? this.all.length : expected, 'time seek');
  }

  /** Flips one byte of a stored block behind the engine's back. */
  async damage(at: number): Promise<void> {
    const { environment } = this.#file;
    const keys = environment.keys('blocks', {});
    const key = keys[at % Math.max(1, keys.length)];
    if (key !== undefined) {
      const value = Buffer.from(environment.get('blocks', key) as Buffer);
      const offset = at % value.length;
      value[offset] = (value[offset] as number) ^ 0x40;
      const first = keyFirst(key);
      const behind = keys.find((other) => keyFirst(other) > first);
      const end = behind === undefined ? this.all.length : keyFirst(behind);
      expect(keyChunk(key) <= 0xffff, 'chunk');
      await environment.commit([{ table: 'blocks', key, value }]);
      for (let id = first; id < end; id++) this.damaged.add(id);
    }
    await this.close();
    await this.open();
  }

  /** A write that fails: nothing is taken, nothing is written again until the file is opened afresh. */
  async failWrite(sizes: readonly number[]): Promise<void> {
    if (!this.fits(sizes)) return;
    const failure = new RoteraError('queue_read_only', 'injected');
    this.#file.environment.commit = () => Promise.reject(failure);
    for (let attempt = 0; attempt < 2; attempt++) {
      const error: unknown = await this.#queue.push(batchOf(this.messages(sizes))).catch((reason: unknown) => reason);
      expect(isRoteraError(error, 'queue_read_only'), 'a failed write refuses its pushes and all that come after');
    }
    equal(this.#queue.stat().state, 'read_only', 'state');
    this.check();
    await this.close();
    await this.open();
  }

  /** What must hold after every operation. */
  check(): void {
    const stat = this.#queue.stat();
    const { limits, all } = this;
    equal(stat.next, all.length, 'next');
    expect(stat.oldest >= this.oldest && stat.oldest <= stat.next, 'oldest only ever grows');
    this.oldest = stat.oldest;
    equal(stat.count, stat.next - stat.oldest, 'count');
    expect(stat.count <= limits.maxMessages, 'maxMessages');
    const bytes = all.slice(stat.oldest).reduce((sum, message) => sum + message.bytes.length, 0);
    if (this.damaged.size === 0) equal(stat.bytes, bytes, 'bytes');
    expect(bytes <= limits.maxBytes, 'maxBytes');
    const { byCount, byBytes, byAge, byRoom } = stat.rotated;
    equal(byCount + byBytes + byAge + byRoom, stat.oldest, 'everything rotated out is counted once');
    const young = all.findIndex((message) => message.time >= this.now - (limits.maxAgeSeconds ?? 1e9) * 1000);
    if (byBytes + byRoom === 0 && this.damaged.size === 0) {
      // Exactly the last maxMessages are kept, and age alone may have taken more.
      const counted = Math.max(0, stat.next - limits.maxMessages);
      if (byAge === 0) equal(stat.oldest, counted, 'exactly the last maxMessages');
      expect(
        stat.oldest <= Math.max(counted, young === -1 ? stat.next : Math.max(young, byAge)),
        'no more than needed',
      );
    }
    if (limits.maxAgeSeconds === null) equal(byAge, 0, 'no age limit');
    expect(stat.file.bytes <= stat.file.limit, 'the file is within its limit');
    for (const [name, position] of this.cursors) equal(this.#queue.cursor(name)?.position, position, `cursor ${name}`);
  }
}

/** Where files are made: in memory when there is such a place, since what is tested here is not the disk. */
const scratch = (): string => mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'rotera-model-'));

/** Runs random operations against the model. @throws with the smallest counterexample and its seed */
export async function checkModel(runs: number, seed?: number): Promise<void> {
  const directory = scratch();
  const property = fc.asyncProperty(
    limitsArbitrary,
    fc.array(operation, { minLength: 1, maxLength: 30 }),
    async (limits, operations) => {
      const run = new Run(directory, { ...DEFAULT_LIMITS, ...limits });
      await createRotFile(run.path, run.limits, run.now);
      await run.open();
      try {
        for (const one of operations) {
          await run.apply(one);
          run.check();
        }
        run.read(0, 1000, 1_000_000);
      } finally {
        await run.close();
      }
      const { problems } = await checkRotFile(run.path);
      expect(run.damaged.size > 0 || problems.length === 0, `check: ${problems.join('; ')}`);
      for (const path of [run.path, `${run.path}-lock`]) rmSync(path, { force: true });
    },
  );
  try {
    await fc.assert(property, { numRuns: runs, ...(seed === undefined ? {} : { seed }) });
  } finally {
    rmSync(directory, { recursive: true });
  }
}
