/**
 * Drives a server and measures: pushes, reads, and the way of a message from push to tail.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { type Batch, batchOf } from '../src/batch.js';
import type { RoteraClient } from '../src/client/node.js';

interface BenchOptions {
  readonly client: RoteraClient;
  readonly queue: string;
  /** Bytes of a message. */
  readonly size: number;
  /** Messages of a push. */
  readonly batch: number;
  /** Requests under way at once. */
  readonly connections: number;
  /** How long each part takes. */
  readonly durationMs: number;
  readonly signal: AbortSignal;
}

/** What one part has come to. */
export interface Measured {
  readonly part: 'push' | 'read' | 'tail';
  readonly requests: number;
  readonly messages: number;
  readonly bytes: number;
  readonly seconds: number;
  /** How long a request took; for the tail, how long from the push of a message until it arrived. In ms. */
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
}

/** Counts and times of one part. */
class Meter {
  readonly #histogram: RecordableHistogram = createHistogram();
  readonly #started = performance.now();
  #requests = 0;
  #messages = 0;
  #bytes = 0;

  constructor(readonly part: Measured['part']) {}

  /** @param startedAt of the request, as performance.now() gives it */
  add(startedAt: number, messages: number, bytes: number): void {
    this.#histogram.record(Math.max(1, Math.round((performance.now() - startedAt) * 1e6)));
    this.#requests++;
    this.#messages += messages;
    this.#bytes += bytes;
  }

  /** Not before there is anything to tell of. */
  isOver(durationMs: number): boolean {
    return this.#requests > 0 && performance.now() - this.#started >= durationMs;
  }

  result(): Measured {
    const ms = (percentile: number): number => this.#histogram.percentile(percentile) / 1e6;
    const latencyMs = {
      p50: ms(50),
      p95: ms(95),
      p99: ms(99),
      max: this.#requests === 0 ? 0 : this.#histogram.max / 1e6,
    };
    const seconds = (performance.now() - this.#started) / 1000;
    return {
      part: this.part,
      requests: this.#requests,
      messages: this.#messages,
      bytes: this.#bytes,
      seconds,
      latencyMs,
    };
  }
}

/** Measures part after part. @throws what the server refuses */
export async function* bench(options: BenchOptions): AsyncGenerator<Measured> {
  for (const measure of [benchPush, benchRead, benchTail]) {
    if (options.signal.aborted) return;
    yield await measure(options);
  }
}

async function benchPush({
  client,
  queue,
  size,
  batch,
  connections,
  durationMs,
  signal,
}: BenchOptions): Promise<Measured> {
  const messages = filledBatch(batch, size);
  const meter = new Meter('push');
  await inParallel(connections, async () => {
    while (!meter.isOver(durationMs)) {
      const startedAt = performance.now();
      await client.push(queue, messages, { signal });
      meter.add(startedAt, messages.count, messages.bytes);
    }
  });
  return meter.result();
}

async function benchRead({ client, queue, batch, connections, durationMs, signal }: BenchOptions): Promise<Measured> {
  const meter = new Meter('read');
  await inParallel(connections, async () => {
    let from: number | 'oldest' = 'oldest';
    while (!meter.isOver(durationMs)) {
      const startedAt = performance.now();
      const { first, next, upToDate, records } = await client.readRecords(queue, { from, limit: batch, signal });
      meter.add(startedAt, next - first, records.length);
      from = upToDate ? 'oldest' : next;
    }
  });
  return meter.result();
}

/** One message after the other, each when the one before it has arrived. */
async function benchTail({ client, queue, size, durationMs, signal }: BenchOptions): Promise<Measured> {
  const meter = new Meter('tail');
  const message = filledBatch(1, size);
  let startedAt = 0;
  // A push that fails ends the tail as well: its message would be waited for.
  const failing = new AbortController();
  const pushNext = async (): Promise<void> => {
    startedAt = performance.now();
    try {
      await client.push(queue, message, { signal });
    } catch (error) {
      failing.abort(error);
    }
  };
  let pushing: Promise<void> | undefined;
  const ending = AbortSignal.any([signal, failing.signal]);
  for await (const { messages, upToDate } of client.tail(queue, { from: 'next', signal: ending })) {
    if (messages.length > 0) meter.add(startedAt, messages.length, size);
    await pushing;
    if (meter.isOver(durationMs)) break;
    if (upToDate) pushing = pushNext();
  }
  if (!signal.aborted) failing.signal.throwIfAborted();
  return meter.result();
}

function filledBatch(count: number, size: number): Batch {
  const message = Buffer.alloc(size, 'rotera ');
  return batchOf(new Array<Buffer>(count).fill(message));
}

async function inParallel(count: number, run: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, run));
}
