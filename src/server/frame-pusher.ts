/**
 * From frames to pushes: messages that arrive together become one push of the engine, which gives each of them its id; so what
 * a push costs is shared by many frames.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { type Batch, batchOf, parseBatch } from '../batch.js';
import { isRoteraError, RoteraError } from '../errors.js';
import { BATCH_PROTOCOL } from '../protocol/api.js';
import { problemOf } from '../protocol/problem.js';
import type { Pushed, PushOptions } from '../queue/group.js';
import type { ProducerClaim } from '../queue/producers.js';
import type { Queue } from '../queue/queue.js';
import type { Context } from './context.js';
import { shortTextFrames, textFrame } from './frames.js';

/** Frames that are being pushed, and what will be answered to them: one encoded text frame each, in order. Never rejects. */
export interface FramesUnderWay {
  readonly frames: number;
  readonly bytes: number;
  readonly answers: Promise<Buffer>;
}

export class FramePusher {
  readonly #queue: Queue;
  readonly #isBatch: boolean;
  readonly #context: Context;
  /** Of the request that opened the socket: may name the caller's trace. */
  readonly #headers: IncomingHttpHeaders;
  readonly #underWay: (run: FramesUnderWay) => void;
  #claim: ProducerClaim | undefined;
  /** Messages that have arrived in this turn of the event loop, and their bytes. */
  #messages: Buffer[] = [];
  #bytes = 0;

  /** @param claim of the first frame; each further frame counts one up @param underWay called in the order of the frames */
  constructor(
    queue: Queue,
    protocol: string,
    claim: ProducerClaim | undefined,
    { headers, context }: { readonly headers: IncomingHttpHeaders; readonly context: Context },
    underWay: (run: FramesUnderWay) => void,
  ) {
    this.#queue = queue;
    this.#isBatch = protocol === BATCH_PROTOCOL;
    this.#claim = claim;
    this.#context = context;
    this.#headers = headers;
    this.#underWay = underWay;
  }

  /** Takes the next frame; it is pushed at the end of this turn at the latest. */
  take(data: Buffer, isBinary: boolean): void {
    const { maxMessages, maxBytes, maxMessageBytes } = this.#queue.limits;
    // What is refused is refused alone, and what a producer counts is counted by frames.
    if (this.#isBatch || this.#claim !== undefined || data.length === 0 || data.length > maxMessageBytes) {
      this.#pushMessages();
      this.#pushAlone(data, isBinary);
      return;
    }
    if (this.#messages.length === maxMessages || this.#bytes + data.length > maxBytes) this.#pushMessages();
    if (this.#messages.length === 0) queueMicrotask(() => this.#pushMessages());
    this.#messages.push(data);
    this.#bytes += data.length;
  }

  #pushMessages(): void {
    const messages = this.#messages;
    if (messages.length === 0) return;
    const bytes = this.#bytes;
    this.#messages = [];
    this.#bytes = 0;
    const answers = this.#answered(messages.length, () => this.#push(batchOf(messages)));
    this.#underWay({ frames: messages.length, bytes, answers });
  }

  #pushAlone(data: Buffer, isBinary: boolean): void {
    const producer = this.#claim;
    if (producer !== undefined) this.#claim = { ...producer, seq: producer.seq + 1 };
    const push = (): Promise<Pushed> =>
      this.#push(batchOfFrame(data, isBinary, this.#isBatch), producer === undefined ? {} : { producer });
    this.#underWay({ frames: 1, bytes: data.length, answers: this.#answered(1, push) });
  }

  #push(batch: Batch, options: PushOptions = {}): Promise<Pushed> {
    const { tracing } = this.#context;
    return tracing?.push(this.#headers, this.#queue, batch, options) ?? this.#queue.push(batch, options);
  }

  async #answered(frames: number, push: () => Promise<Pushed>): Promise<Buffer> {
    const { stopping, log, metrics } = this.#context;
    try {
      if (stopping.aborted) throw new RoteraError('draining', 'The server is stopping: push to it when it is back.');
      const pushed = await push();
      return shortTextFrames(frames === 1 ? [answerOf(pushed)] : answersOf(pushed.first as number, frames));
    } catch (error) {
      if (!isRoteraError(error)) log.error({ err: error, queue: this.#queue.name }, 'a push failed');
      const known = isRoteraError(error) ? error : new RoteraError('internal', 'The push failed.');
      metrics.refused(known.code);
      const frame = textFrame(JSON.stringify(problemOf(known)));
      return frames === 1 ? frame : Buffer.concat(Array<Buffer>(frames).fill(frame));
    }
  }
}

/** Of a batch that came in one frame. */
const answerOf = ({ first, next, duplicate }: Pick<Pushed, 'first' | 'next' | 'duplicate'>): string =>
  `{"first":${first},"next":${next},"duplicate":${duplicate}}`;

/** Of messages that came in a frame each. */
function* answersOf(first: number, frames: number): Generator<string> {
  for (let id = first; id < first + frames; id++) yield answerOf({ first: id, next: id + 1, duplicate: false });
}

function batchOfFrame(data: Buffer, isBinary: boolean, isBatch: boolean) {
  if (data.length === 0)
    throw new RoteraError('empty_body', 'The frame is empty: a message has at least one byte here.');
  if (!isBatch) return batchOf([data]);
  if (!isBinary) throw new RoteraError('malformed_batch', `With ${BATCH_PROTOCOL} each frame is binary.`);
  return parseBatch(data);
}
