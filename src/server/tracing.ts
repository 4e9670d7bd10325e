/**
 * Spans for pushes, their commits, and reads, by the OpenTelemetry API alone: without an SDK loaded into the process before the
 * server starts (`node --import`), there is no tracing and nothing to pay for it.
 *
 * Spans are made after the fact, several at once: in the middle of a push, between two pieces of work that touch other memory,
 * one takes four times as long.
 */
import type { IncomingHttpHeaders } from 'node:http';
import {
  type Attributes,
  type Context,
  context,
  type ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Batch } from '../batch.js';
import { isRoteraError, messageOf } from '../errors.js';
import type { CommitReport, Pushed, PushOptions } from '../queue/group.js';
import type { Queue } from '../queue/queue.js';
import type { ReadResult } from '../queue/read.js';

/** So many pushes and reads wait for their spans at most, and so long. Few enough that nobody waits for them. */
const MOST_WAITING = 64;
const MOST_WAITING_MS = 50;

/** A push or a read that is over, with what its span needs. Times in ms since the epoch. */
interface Done {
  readonly name: 'push' | 'read';
  readonly queue: string;
  readonly headers: IncomingHttpHeaders;
  /** The context in which it was asked for. */
  readonly within: Context;
  readonly begin: number;
  readonly end: number;
  readonly amount: Attributes;
  readonly commit: CommitReport | undefined;
  /** What it threw. */
  readonly error: unknown;
}

const now = (): number => performance.timeOrigin + performance.now();

export class Tracing {
  #waiting: Done[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly tracer: Tracer) {}

  /** Undefined when nobody wants spans. */
  static start(): Tracing | undefined {
    const provider = trace.getTracerProvider() as ProxyTracerProvider;
    const tracer = provider.getDelegateTracer('rotera');
    return tracer === undefined ? undefined : new Tracing(tracer);
  }

  /** As the queue's push, with a span for it and one below it for the commit. @param headers may name the caller's span */
  async push(headers: IncomingHttpHeaders, queue: Queue, batch: Batch, options: PushOptions): Promise<Pushed> {
    const asked = { name: 'push', queue: queue.name, headers, within: context.active(), begin: now() } as const;
    const { count, bytes } = batch;
    let commit: CommitReport | undefined;
    const onCommit = (report: CommitReport): void => {
      commit = report;
    };
    try {
      const pushed = await queue.push(batch, { ...options, onCommit });
      const told = { 'rotera.first': pushed.first ?? -1, 'rotera.duplicate': pushed.duplicate };
      this.#add({ ...asked, end: now(), amount: { ...amountOf(count, bytes), ...told }, commit, error: undefined });
      return pushed;
    } catch (error) {
      this.#add({ ...asked, end: now(), amount: amountOf(count, bytes), commit, error });
      throw error;
    }
  }

  /** As `work`, which reads from the queue, with a span for it. */
  async read(headers: IncomingHttpHeaders, queue: Queue, work: () => Promise<ReadResult>): Promise<ReadResult> {
    const asked = { name: 'read', queue: queue.name, headers, within: context.active(), begin: now() } as const;
    try {
      const result = await work();
      const amount = { 'rotera.first': result.first, 'messaging.batch.message_count': result.count };
      this.#add({ ...asked, end: now(), amount, commit: undefined, error: undefined });
      return result;
    } catch (error) {
      this.#add({ ...asked, end: now(), amount: {}, commit: undefined, error });
      throw error;
    }
  }

  /** Makes the spans of all that is over. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) this.#span(done);
  }

  #add(done: Done): void {
    this.#waiting.push(done);
    if (this.#waiting.length >= MOST_WAITING) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), MOST_WAITING_MS).unref();
  }

  #span({ name, queue, headers, within, begin, end, amount, commit, error }: Done): void {
    // Where the SDK traces HTTP by itself, the request has a span already, whose parent is the caller's.
    const parent = trace.getSpan(within) === undefined ? propagation.extract(within, headers) : within;
    const attributes = { 'messaging.system': 'rotera', 'messaging.destination.name': queue, ...amount };
    const span = this.tracer.startSpan(name, { kind: SpanKind.SERVER, startTime: begin, attributes }, parent);
    if (commit !== undefined) {
      const { startedAt, ms, diskMs, pushes, messages, bytes } = commit;
      const attributes = { 'rotera.pushes': pushes, 'rotera.disk_ms': diskMs, ...amountOf(messages, bytes) };
      const below = trace.setSpan(ROOT_CONTEXT, span);
      this.tracer.startSpan('commit', { startTime: startedAt, attributes }, below).end(startedAt + ms);
    }
    if (error !== undefined) {
      span.setAttribute('error.type', isRoteraError(error) ? error.code : 'internal');
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    }
    span.end(end);
  }
}

const amountOf = (messages: number, bytes: number): Attributes => ({
  'messaging.batch.message_count': messages,
  'messaging.message.body.size': bytes,
});
