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
  let epoch = await epochOf(options.source, options.signal);
  let from: string | number = options.from;
  while (true) {
    const copy: Copy = new Copy(options, epoch, from);
    if (await copy.run()) return;
    const now = await nextEpoch(options);
    if (now === epoch) {
      // Moved away and back.
      from = copy.place ?? from;
      continue;
    }
    // Another life, another copy, from its beginning: what it had before it was looked at belongs to it, too.
    options.onGap({ from: copy.place ?? 0, to: 0, count: null, reason: 'recreated' });
    from = 'oldest';
    epoch = now;
  }
}

const epochOf = async ({ client, queue }: End, signal: AbortSignal): Promise<string> =>
  (await client.stat(queue, { signal })).epoch;

/** The epoch of the source, as soon as it is there. */
async function nextEpoch({ source, signal, onSourceGone }: MirrorOptions): Promise<string> {
  for (let told = false; ; told = true) {
    try {
      return await epochOf(source, signal);
    } catch (error) {
      if (!isRoteraError(error, 'queue_not_found')) throw error;
    }
    if (!told) onSourceGone();
    await pause(LOOK_AGAIN_MS, signal);
    signal.throwIfAborted();
  }
}

/** The copy of one life of the source. */
class Copy {
  /** The source id that is copied next. */
  place: number | undefined;
  readonly #options: MirrorOptions;
  readonly #epoch: string;
  readonly #from: string | number;
  readonly #producer: string;
  #pieceMessages = PIECE_MESSAGES;
  #pieceBytes = PIECE_BYTES;

  /** @param from where it begins when the target knows nothing of it */
  constructor(options: MirrorOptions, epoch: string, from: string | number) {
    this.#options = options;
    this.#epoch = epoch;
    this.#from = from;
    this.#producer = `mirror:${options.source.queue.slice(0, MAX_PRODUCER_NAME - 32)}:${epoch}`;
  }

  /** Resolves to true at the end, with `once`; to false when the source is removed or made anew. */
  async run(): Promise<boolean> {
    await this.#checkApart();
    this.place = await this.#resumePlace();
    while (true) {
      const piece = await this.#read();
      if (piece === undefined) return false;
      const { gap, records, first, next, upToDate } = piece;
      if (gap !== null) this.#options.onGap(gap);
      this.place = first;
      if (records.length > 0) this.place = await this.#copy(parseBatch(records), first);
      if (this.#options.once && upToDate && this.place >= next) return true;
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

  /** The next piece; undefined when the source is not there, or is another. (The same errors of the target mean itself.) */
  async #read(): Promise<RecordBatch | undefined> {
    const { source, signal, once } = this.#options;
    try {
      return await source.client.readRecords(source.queue, {
        from: this.place ?? this.#from,
        epoch: this.#epoch,
        limit: this.#pieceMessages,
        maxBytes: this.#pieceBytes,
        wait: once ? 0 : WAIT_SECONDS,
        signal,
      });
    } catch (error) {
      if (isRoteraError(error, 'queue_not_found') || isRoteraError(error, 'epoch_changed')) return undefined;
      throw error;
    }
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
      this.#pieceBytes = Math.max(1, Math.ceil(batch.bytes / 2));
      return first;
    }
  }
}

/** How many messages the first push of this epoch had: it is the producer's last, so its ids are known. */
const countOf = ({ first, next }: PushBody): number => (next as number) - (first as number);
