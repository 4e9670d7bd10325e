/**
 * One queue copied to another, for ever: each message once, in order, whatever is killed in between.
 *
 * The target itself remembers how far the copy is, in the state of a producer, which it stores in the same transaction as the
 * messages. The producer is named after the source's epoch; each push goes under an epoch of its own, one more than the source
 * id of its first message, as push 0 of that epoch. So a repeat is recognised, an older copy that wakes up is fenced off, and
 * after a restart the target tells where to go on: the epoch of the last push, and how many messages it had.
 */
import { type Batch, batchOf, parseBatch } from '../src/batch.js';
import { newProducer, type RecordBatch, type RoteraClient } from '../src/client/node.js';
import { isRoteraError, RoteraError } from '../src/errors.js';
import type { PushBody } from '../src/protocol/answers.js';
import type { AnyGap } from './message-format.js';
import { pause } from './pause.js';

export interface End {
  readonly client: RoteraClient;
  readonly queue: string;
}

interface MirrorOptions {
  readonly source: End;
  readonly target: End;
  /** Where a copy that has never run begins. */
  readonly from: string;
  readonly signal: AbortSignal;
  /** Ends when all there is has been copied, instead of waiting for more. */
  readonly once: boolean;
  readonly onCopied: (copied: Copied) => void;
  readonly onGap: (gap: AnyGap) => void;
  /** The source was removed; it is waited for. */
  readonly onSourceGone: () => void;
}

/** A run of messages that the target has, durably. */
export interface Copied {
  /** Ids at the source, `[first, next)`. */
  readonly first: number;
  readonly next: number;
  readonly bytes: number;
  /** What the target answered. */
  readonly target: PushBody;
}

/** Large enough that one fsync pays for thousands of messages; well within what any server takes. */
const PIECE_BYTES = 4 * 1024 * 1024;
const PIECE_MESSAGES = 100_000;
const WAIT_SECONDS = 30;
/** A source that was removed is looked for so often. */
const LOOK_AGAIN_MS = 500;
const MAX_PRODUCER_NAME = 128;
/** A push that is not meant to be kept: one message, on a condition that cannot be met. */
const NOTHING = batchOf([new Uint8Array()]);
const NOWHERE = { epoch: 'none', next: 0 };

/**
 * Copies until `signal` aborts, or to the end with `once`. A source that is removed later is waited for.
 * @throws what either server refuses, as `queue_not_found` for a source that never was there or a target that is not
 */
export async function mirror(options: MirrorOptions): Promise<void> {
  const { source, signal } = options;
  let epoch = (await source.client.stat(source.queue, { signal })).epoch;
  while (true) {
    const copy = new Copy(options, epoch);
    try {
      return await copy.run();
    } catch (error) {
      const now = await newEpoch(error, options);
      if (now === undefined) throw error;
      // Another life, another copy, from its beginning.
      if (now !== epoch) options.onGap({ from: copy.place ?? 0, to: 0, count: null, reason: 'recreated' });
      epoch = now;
    }
  }
}

/** The epoch of the source after an error that came of its being removed or made anew; undefined for any other error. */
async function newEpoch(error: unknown, options: MirrorOptions): Promise<string | undefined> {
  const { source, target, signal, onSourceGone } = options;
  const isMissing = isRoteraError(error, 'queue_not_found');
  if (isMissing && !(await exists(target, signal))) return undefined;
  if (!isMissing && !isRoteraError(error, 'epoch_changed')) return undefined;
  for (let told = false; !(await exists(source, signal)); told = true) {
    if (!told) onSourceGone();
    await pause(LOOK_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
  return (await source.client.stat(source.queue, { signal })).epoch;
}

async function exists({ client, queue }: End, signal: AbortSignal): Promise<boolean> {
  try {
    await client.stat(queue, { signal });
    return true;
  } catch (error) {
    if (isRoteraError(error, 'queue_not_found')) return false;
    // Not allowed to look: then it is not the queue that is missing.
    if (isRoteraError(error, 'forbidden')) return true;
    throw error;
  }
}

/** The copy of one life of the source. */
class Copy {
  /** The source id that is copied next. */
  place: number | undefined;
  readonly #options: MirrorOptions;
  readonly #epoch: string;
  readonly #producer: string;
  #pieceMessages = PIECE_MESSAGES;
  #pieceBytes = PIECE_BYTES;

  constructor(options: MirrorOptions, epoch: string) {
    this.#options = options;
    this.#epoch = epoch;
    this.#producer = `mirror:${options.source.queue.slice(0, MAX_PRODUCER_NAME - 32)}:${epoch}`;
  }

  async run(): Promise<void> {
    await this.#checkApart();
    this.place = await this.#resumePlace();
    while (true) {
      const { gap, records, first, next, upToDate } = await this.#read();
      if (gap !== null) this.#options.onGap(gap);
      this.place = first;
      if (records.length > 0) this.place = await this.#copy(parseBatch(records), first);
      if (this.#options.once && upToDate && this.place >= next) return;
    }
  }

  /** A queue copied to itself would grow for ever. An epoch names one queue; a push that is not kept tells the target's. */
  async #checkApart(): Promise<void> {
    const { client, queue } = this.#options.target;
    try {
      await client.pushAs(newProducer(), queue, NOTHING, { ifAt: NOWHERE, signal: this.#options.signal });
    } catch (error) {
      if (!isRoteraError(error, 'next_moved')) throw error;
      if (error.details['epoch'] !== this.#epoch) return;
      const text = `The source and the target are the same queue, ${queue}.`;
      throw new RoteraError('bad_parameter', text, { parameter: 'target' }, { cause: error });
    }
  }

  #read(): Promise<RecordBatch> {
    const { source, from, signal, once } = this.#options;
    return source.client.readRecords(source.queue, {
      from: this.place ?? from,
      epoch: this.#epoch,
      limit: this.#pieceMessages,
      maxBytes: this.#pieceBytes,
      wait: once ? 0 : WAIT_SECONDS,
      signal,
    });
  }

  /** Where the target says that the copy stands; undefined when it has never begun. */
  async #resumePlace(): Promise<number | undefined> {
    const last = await this.#lastEpoch();
    if (last === undefined) return undefined;
    return last - 1 + countOf(await this.#probe(last, 0));
  }

  /** The epoch of the last push; undefined when the target does not know the producer. */
  async #lastEpoch(): Promise<number | undefined> {
    try {
      // Never kept: a known producer has a newer epoch, an unknown one begins with push 0.
      await this.#probe(0, 1);
    } catch (error) {
      if (isRoteraError(error, 'producer_gap')) return undefined;
      if (isRoteraError(error, 'producer_fenced')) return error.details['producerEpoch'] as number;
      throw error;
    }
    throw new RoteraError(
      'internal',
      `${this.#options.target.client.url} does not know of producers: use a newer rotera.`,
    );
  }

  /** A push that is not meant to be kept: its condition cannot be met, and duplicates are recognised before conditions. */
  #probe(epoch: number, seq: number): Promise<PushBody> {
    const { client, queue } = this.#options.target;
    const producer = { id: this.#producer, epoch, seq };
    const { signal } = this.#options;
    return client.pushAs(producer, queue, NOTHING, { ifAt: NOWHERE, signal });
  }

  /** Pushes a run of messages; answers where the copy then stands. */
  async #copy(batch: Batch, first: number): Promise<number> {
    const { target, signal, onCopied } = this.#options;
    const producer = { id: this.#producer, epoch: first + 1, seq: 0 };
    try {
      const pushed = await target.client.pushAs(producer, target.queue, batch, { signal });
      // Another copy that runs at the same time may have cut here differently: what counts is what the target has.
      const count = pushed.duplicate ? countOf(pushed) : batch.count;
      onCopied({ first, next: first + count, bytes: batch.bytes, target: pushed });
      return first + count;
    } catch (error) {
      if (batch.count === 1 || !isRoteraError(error, 'push_too_large')) throw error;
      // More than the target takes at once: from now on in smaller pieces.
      this.#pieceMessages = Math.ceil(batch.count / 2);
      this.#pieceBytes = Math.ceil(batch.bytes / 2);
      return first;
    }
  }
}

/** How many messages the first push of this epoch had: it is the producer's last, so its ids are known. */
const countOf = ({ first, next }: PushBody): number => (next as number) - (first as number);
