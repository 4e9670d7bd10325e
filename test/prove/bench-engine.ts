/**
 * How many durable messages a second the engine takes, beside the same bytes written and synced without it, in turns.
 */
import { mkdirSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Batch, batchOf } from '../../src/batch.js';
import type { Queue } from '../../src/queue/queue.js';
import { Queues } from '../../src/queue/queues.js';
import type { Outcome, Proof, Trial } from './proof.js';

const MIB = 1024 * 1024;
const MESSAGE_BYTES = 100;
const BATCHES = [1, 100, 1000, 10_000];
const IN_FLIGHT = [1, 4];
/** How long each measurement pushes; ms. */
const TURN_MS = 400;
/** Bytes of the queue, and of the file written without it, which is written round and round and never grows. */
const ROOM_BYTES = 64 * MIB;
/** At batches of 1,000 and more the engine reaches at least this share of the plain writes. */
const LEAST_SHARE = 0.5;
const JUDGED_FROM = 1000;

/** Writes a batch so that it is durable on return. */
type Store = (batch: Batch) => Promise<unknown>;

/**
 * A file that is written without the engine, by one write and one sync at a time: batches that wait meanwhile go together into
 * the next, as into a log.
 */
class Plain {
  #at = 0;
  #waiting: Uint8Array[] = [];
  #next: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(
    readonly file: FileHandle,
    /** Off for the negative control. */
    readonly syncs: boolean,
  ) {}

  static async open(path: string, syncs: boolean): Promise<Plain> {
    const file = await open(path, 'w');
    const zeros = Buffer.alloc(MIB);
    for (let at = 0; at < ROOM_BYTES; at += MIB) await file.write(zeros, 0, MIB, at);
    await file.sync();
    return new Plain(file, syncs);
  }

  /** Resolves when the batch is on disk. */
  store({ records }: Batch): Promise<void> {
    this.#waiting.push(records);
    this.#next ??= this.#running = this.#running.then(() => this.#write());
    return this.#next;
  }

  async #write(): Promise<void> {
    const group = this.#waiting;
    this.#waiting = [];
    this.#next = undefined;
    const bytes = group.reduce((sum, { length }) => sum + length, 0);
    const at = this.#at + bytes > ROOM_BYTES ? 0 : this.#at;
    this.#at = at + bytes;
    await this.file.writev(group, at);
    if (this.syncs) await this.file.datasync();
  }
}

/** Messages a second. */
async function measure(store: Store, batch: Batch, inFlight: number): Promise<number> {
  const began = performance.now();
  let stored = 0;
  const work = async (): Promise<void> => {
    while (performance.now() - began < TURN_MS) {
      await store(batch);
      stored += batch.count;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  return stored / ((performance.now() - began) / 1000);
}

/** Measurements of one size of batch and number in flight. */
interface Case {
  readonly batch: Batch;
  readonly inFlight: number;
  readonly engine: number[];
  readonly plain: number[];
}

const newCases = (): Case[] =>
  BATCHES.flatMap((count) =>
    IN_FLIGHT.map((inFlight) => {
      const batch = batchOf(Array.from({ length: count }, () => Buffer.alloc(MESSAGE_BYTES, 'x')));
      return { batch, inFlight, engine: [], plain: [] };
    }),
  );

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** The cases in which the engine reaches too small a share of what it is compared with. */
function* complaints(cases: readonly Case[]): Generator<string> {
  for (const { batch, inFlight, engine, plain } of cases) {
    const share = median(engine) / median(plain);
    if (batch.count < JUDGED_FROM || share >= LEAST_SHARE) continue;
    yield `batches of ${batch.count}, ${inFlight} in flight: ${share.toFixed(2)} of what it is compared with`;
  }
}

async function round(cases: readonly Case[], queue: Queue, plain: Plain): Promise<void> {
  for (const { batch, inFlight, engine, plain: other } of cases) {
    engine.push(await measure((one) => queue.push(one), batch, inFlight));
    other.push(await measure((one) => plain.store(one), batch, inFlight));
  }
}

function row({ batch, inFlight, engine, plain }: Case): string[] {
  const perSecond = (values: readonly number[]): string => Math.round(median(values)).toLocaleString('en-US');
  const share = (median(engine) / median(plain)).toFixed(2);
  return [String(batch.count), String(inFlight), perSecond(engine), perSecond(plain), share];
}

async function prove(trial: Trial): Promise<Outcome> {
  const directory = join(trial.directory, 'queues');
  mkdirSync(directory);
  const queues = await Queues.open(directory, { now: Date.now });
  const { queue } = await queues.create('bench', { maxBytes: ROOM_BYTES, maxMessages: 10_000_000 });
  const plain = await Plain.open(join(trial.directory, 'plain'), true);
  const unsynced = await Plain.open(join(trial.directory, 'unsynced'), false);
  const cases = newCases();
  // Once for the compiler and the caches: not counted.
  await round(newCases(), queue, plain);
  let rounds = 0;
  while (rounds < trial.rounds && performance.now() < trial.endMs) {
    await round(cases, queue, plain);
    trial.progress(++rounds, trial.rounds);
  }
  // Last, as the disk is busy for a while with what was not synced.
  const control = newCases();
  await round(control, queue, unsynced);
  await queues.close();
  for (const { file } of [plain, unsynced]) await file.close();
  return {
    rounds,
    facts: [['bytes of a message', MESSAGE_BYTES]],
    table: [['messages a batch', 'in flight', 'engine, messages/s', 'write + fdatasync', 'share'], ...cases.map(row)],
    violations: [...complaints(cases)],
    controls: [{ name: 'compared with writes that are not synced', caught: [...complaints(control)][0] }],
  };
}

export const benchEngine: Proof = {
  about: 'durable messages a second, beside plain writes and syncs of the same bytes',
  round: 'turns of each measurement',
  rounds: 5,
  run: prove,
};
