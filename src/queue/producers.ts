/**
 * Idempotent push: what each producer has pushed last, stored in the same transaction as its messages, so that a repeated
 * push is recognised whatever crashed in between.
 *
 * ```
 * table "producers"   producer id -> u32 CRC-32 of the rest | f64 epoch | f64 seq | f64 used, ms | results, oldest first
 * result              f64 first | u32 count                        little-endian; the last one is that of `seq`
 * ```
 *
 * A damaged record counts as none: the producer is refused with `producer_gap`, and nothing is stored twice.
 */
import { crc32 } from 'node:zlib';
import { RoteraError } from '../errors.js';
import type { Entry, Environment } from './environment.js';

/** Who pushes, and which of its pushes this is. */
export interface ProducerClaim {
  /** 1 to 128 characters. */
  readonly id: string;
  /** A newer epoch of the same producer fences off the older ones. */
  readonly epoch: number;
  /** Counts the producer's pushes from 0 within its epoch. */
  readonly seq: number;
}

/** The ids a push got; null when it is known to be a repeat, but too old for its result to be kept. */
export interface Ids {
  readonly first: number | null;
  readonly next: number | null;
}

/** Results kept of each producer: how far back a repeat is answered with its original ids. */
const KEPT_RESULTS = 64;
/** Most producers remembered by a queue. */
const MAX_PRODUCERS = 10_000;
/** Share of a file's limit that producers may take. */
const ROOM_SHARE = 8;
const CHECKSUM_BYTES = 4;
const HEADER_BYTES = 24;
const RESULT_BYTES = 12;
const MOST_RECORD_BYTES = 1024;
/** When there are too many, so many of those unused longest go at once: finding them costs a walk over all. */
const EVICTED_AT_ONCE = 64;

/** Names of the producers whose records are damaged. */
export const damagedProducers = (environment: Environment): string[] =>
  environment
    .entries('producers')
    .filter(({ value }) => Producer.decode(value) === undefined)
    .map(({ key }) => key.toString());

/** How many producers a file remembers. @param fileLimit its limit in bytes: a small one remembers fewer */
const mostProducers = (fileLimit: number): number =>
  Math.min(MAX_PRODUCERS, Math.max(1, Math.floor(fileLimit / ROOM_SHARE / MOST_RECORD_BYTES)));

/** The records of those that pushed last, as many as a file with this limit remembers. */
export const newestProducers = (environment: Environment, fileLimit: number): Entry[] =>
  environment
    .entries('producers')
    .map((entry) => ({ entry, used: Producer.decode(entry.value)?.used ?? 0 }))
    .sort((a, b) => b.used - a.used)
    .slice(0, mostProducers(fileLimit))
    .map(({ entry }): Entry => ({ table: 'producers', ...entry }));

class Producer {
  constructor(
    readonly epoch: number,
    readonly seq: number,
    readonly used: number,
    readonly results: Buffer,
  ) {}

  /** Undefined when the record is damaged. */
  static decode(value: Buffer): Producer | undefined {
    const record = value.subarray(CHECKSUM_BYTES);
    if (record.length < HEADER_BYTES || value.readUInt32LE() !== crc32(record)) return undefined;
    return new Producer(
      record.readDoubleLE(0),
      record.readDoubleLE(8),
      record.readDoubleLE(16),
      record.subarray(HEADER_BYTES),
    );
  }

  encode(): Buffer {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeDoubleLE(this.epoch, 0);
    header.writeDoubleLE(this.seq, 8);
    header.writeDoubleLE(this.used, 16);
    const checksum = Buffer.alloc(CHECKSUM_BYTES);
    checksum.writeUInt32LE(crc32(this.results, crc32(header)));
    return Buffer.concat([checksum, header, this.results]);
  }

  /** The ids of push `seq`, which is not newer than the last. */
  idsOf(seq: number): Ids {
    const offset = this.results.length - (this.seq - seq + 1) * RESULT_BYTES;
    if (offset < 0) return { first: null, next: null };
    const first = this.results.readDoubleLE(offset);
    return { first, next: first + this.results.readUInt32LE(offset + 8) };
  }

  /** The same producer after one more push. */
  after(claim: ProducerClaim, first: number, count: number, now: number): Producer {
    const result = Buffer.alloc(RESULT_BYTES);
    result.writeDoubleLE(first, 0);
    result.writeUInt32LE(count, 8);
    const kept =
      claim.epoch === this.epoch ? this.results.subarray(-(KEPT_RESULTS - 1) * RESULT_BYTES) : Buffer.alloc(0);
    return new Producer(claim.epoch, claim.seq, now, Buffer.concat([kept, result]));
  }
}

const NEVER_PUSHED = new Producer(-1, -1, 0, Buffer.alloc(0));

/** The producers of one queue, as one group commit sees and changes them. */
export class ProducerChanges {
  readonly #environment: Environment;
  readonly #changed = new Map<string, Producer>();
  readonly #most: number;

  /** @param fileLimit the file's limit in bytes */
  constructor(environment: Environment, fileLimit: number) {
    this.#environment = environment;
    this.#most = mostProducers(fileLimit);
  }

  /**
   * Whether a claim is new (undefined) or a repeat (its original ids).
   * @throws `producer_fenced` for an older epoch; `producer_gap` for a seq that skips one
   */
  recognise(claim: ProducerClaim): Ids | undefined {
    const known = this.#get(claim.id);
    if (claim.epoch < known.epoch) {
      const text = `The producer ${claim.id} goes on under epoch ${known.epoch}; this push has epoch ${claim.epoch}.`;
      throw new RoteraError('producer_fenced', text, { producerEpoch: known.epoch });
    }
    const expected = claim.epoch === known.epoch ? known.seq + 1 : 0;
    if (claim.seq > expected) {
      const text = `The producer ${claim.id} skipped a push: seq ${claim.seq} came, ${expected} is expected.`;
      throw new RoteraError('producer_gap', text, { expectedSeq: expected });
    }
    return claim.seq === expected ? undefined : known.idsOf(claim.seq);
  }

  /** Notes a push that was recognised as new. @param now ms */
  note(claim: ProducerClaim, first: number, count: number, now: number): void {
    this.#changed.set(claim.id, this.#get(claim.id).after(claim, first, count, now));
  }

  /** What to store; makes place when there are too many. */
  entries(): Entry[] {
    const entries: Entry[] = [];
    for (const [id, producer] of this.#changed) {
      entries.push({ table: 'producers', key: Buffer.from(id), value: producer.encode() });
    }
    const added = [...this.#changed.keys()].filter(
      (id) => this.#environment.get('producers', Buffer.from(id)) === undefined,
    );
    const excess = added.length > 0 ? this.#environment.count('producers') + added.length - this.#most : 0;
    return excess > 0 ? [...entries, ...this.#evict(excess)] : entries;
  }

  #get(id: string): Producer {
    const changed = this.#changed.get(id);
    if (changed !== undefined) return changed;
    const value = this.#environment.get('producers', Buffer.from(id));
    return (value === undefined ? undefined : Producer.decode(value)) ?? NEVER_PUSHED;
  }

  #evict(excess: number): Entry[] {
    return this.#environment
      .entries('producers')
      .filter(({ key }) => !this.#changed.has(key.toString()))
      .map(({ key, value }) => ({ key, used: Producer.decode(value)?.used ?? 0 }))
      .sort((a, b) => a.used - b.used)
      .slice(0, Math.max(excess, EVICTED_AT_ONCE))
      .map(({ key }) => ({ table: 'producers', key, value: null }));
  }
}
