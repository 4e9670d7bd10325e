/**
 * What one group commit changes, built up write by write, each seeing those before it.
 */
import type { Batch } from '../batch.js';
import { RoteraError } from '../errors.js';
import { type Cursor, type CursorChange, CursorChanges } from './cursors.js';
import type { Entry } from './environment.js';
import { type Ids, ProducerChanges, type ProducerClaim } from './producers.js';
import type { RotFile } from './rot-file.js';

/** What one group commit was. */
export interface CommitReport {
  /** Pushes that it stored, their messages and payload bytes; all 0 when only cursors moved or messages grew too old. */
  readonly pushes: number;
  readonly messages: number;
  readonly bytes: number;
  /** ms since the epoch. */
  readonly startedAt: number;
  /** How long it took until all was durable, and how much of that LMDB took to write and sync. */
  readonly ms: number;
  readonly diskMs: number;
}

export interface PushOptions {
  /** Makes the push idempotent. */
  readonly producer?: ProducerClaim;
  /** Pushes only if the queue still is of this epoch and nothing was pushed since `next`. */
  readonly ifMatch?: { readonly epoch: string; readonly next: number };
  /** Told of the commit that has made the push durable, before the push resolves. Not for a repeat. */
  readonly onCommit?: (report: CommitReport) => void;
}

/** Ids given to a push, or the original ones of a repeat. */
export interface Pushed extends Ids {
  readonly epoch: string;
  readonly duplicate: boolean;
}

/** The same for a push that cannot be a repeat. */
export interface Stored extends Pushed {
  readonly first: number;
  readonly next: number;
}

export class Group {
  readonly #file: RotFile;
  readonly #now: number;
  readonly #producers: ProducerChanges;
  readonly #cursors: CursorChanges;
  readonly #batches: Batch[] = [];
  readonly #observers: Array<(report: CommitReport) => void> = [];
  #next: number;

  /** @param now ms since the epoch */
  constructor(file: RotFile, now: number) {
    this.#file = file;
    this.#now = now;
    this.#next = file.state.next;
    this.#producers = new ProducerChanges(file.environment, file.size.limit);
    this.#cursors = new CursorChanges(file.environment);
  }

  /** @throws `producer_fenced`, `producer_gap`, `next_moved` */
  push(batch: Batch, { producer, ifMatch, onCommit }: PushOptions): Pushed {
    const { epoch } = this.#file;
    const repeated = producer === undefined ? undefined : this.#producers.recognise(producer);
    if (repeated !== undefined) return { epoch, ...repeated, duplicate: true };
    const first = this.#next;
    if (ifMatch !== undefined && (ifMatch.epoch !== epoch || ifMatch.next !== first)) {
      const text = `The queue is at "${epoch}:${first}", not at "${ifMatch.epoch}:${ifMatch.next}": something was pushed since.`;
      throw new RoteraError('next_moved', text, { epoch, next: first });
    }
    if (producer !== undefined) this.#producers.note(producer, first, batch.count, this.#now);
    if (onCommit !== undefined) this.#observers.push(onCommit);
    this.#batches.push(batch);
    this.#next += batch.count;
    return { epoch, first, next: this.#next, duplicate: false };
  }

  /** @throws as {@link CursorChanges.apply} */
  cursor(change: CursorChange): Cursor {
    return this.#cursors.apply(change, this.#file.state.next, this.#now);
  }

  /** Whether any cursor is made, moved or forgotten. */
  get changesCursors(): boolean {
    return this.#cursors.any;
  }

  /** Makes it all durable, and tells those who pushed. @throws what the file's commit throws */
  async commit(): Promise<CommitReport> {
    // Monotonic: a clock that is set must not make a commit seem slow.
    const began = performance.now();
    const batches = this.#batches;
    const entries: Entry[] = [...this.#producers.entries(), ...this.#cursors.entries()];
    const diskMs =
      batches.length > 0 || entries.length > 0
        ? await this.#file.commit({ batches, entries }, this.#now)
        : await this.#file.expire(this.#now);
    let messages = 0;
    let bytes = 0;
    for (const batch of batches) {
      messages += batch.count;
      bytes += batch.bytes;
    }
    const ms = performance.now() - began;
    const report = { pushes: batches.length, messages, bytes, startedAt: this.#now, ms, diskMs };
    for (const tell of this.#observers) tell(report);
    return report;
  }
}
