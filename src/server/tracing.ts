/**
 * Spans for pushes, their commits, and reads, by the OpenTelemetry API alone: without an SDK loaded into the process before the
 * server starts (`node --import`), there is no tracing and nothing to pay for it.
 */
import type { IncomingHttpHeaders } from 'node:http';
import {
  type Attributes,
  context,
  type ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
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

export class Tracing {
  constructor(private readonly tracer: Tracer) {}

  /** Undefined when nobody wants spans. */
  static start(): Tracing | undefined {
    const provider = trace.getTracerProvider() as ProxyTracerProvider;
    const tracer = provider.getDelegateTracer('rotera');
    return tracer === undefined ? undefined : new Tracing(tracer);
  }

  /** As the queue's push, with a span for it and one below it for the commit. @param headers may name the caller's span */
  async push(headers: IncomingHttpHeaders, queue: Queue, batch: Batch, options: PushOptions): Promise<Pushed> {
    const attributes = { ...about(queue), ...amount(batch.count, batch.bytes) };
    return await this.#within('push', headers, attributes, async (span) => {
      const pushed = await queue.push(batch, { ...options, onCommit: (report) => this.#commit(span, report) });
      span.setAttributes({ 'rotera.first': pushed.first ?? -1, 'rotera.duplicate': pushed.duplicate });
      return pushed;
    });
  }

  /** As `work`, which reads from the queue, with a span for it. */
  async read(headers: IncomingHttpHeaders, queue: Queue, work: () => Promise<ReadResult>): Promise<ReadResult> {
    return await this.#within('read', headers, about(queue), async (span) => {
      const result = await work();
      span.setAttributes({ 'rotera.first': result.first, 'messaging.batch.message_count': result.count });
      return result;
    });
  }

  /** A commit is over when it is known whose push it stored: its span is written after the fact. */
  #commit(push: Span, { startedAt, ms, diskMs, pushes, messages, bytes }: CommitReport): void {
    const attributes = { 'rotera.pushes': pushes, 'rotera.disk_ms': diskMs, ...amount(messages, bytes) };
    const parent = trace.setSpan(ROOT_CONTEXT, push);
    this.tracer.startSpan('commit', { startTime: startedAt, attributes }, parent).end(startedAt + ms);
  }

  async #within<T>(
    name: string,
    headers: IncomingHttpHeaders,
    attributes: Attributes,
    work: (span: Span) => Promise<T>,
  ): Promise<T> {
    // Where the SDK traces HTTP by itself, the request has a span already, whose parent is the caller's.
    const active = context.active();
    const parent = trace.getSpan(active) === undefined ? propagation.extract(active, headers) : active;
    const span = this.tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
    try {
      // Not within `context.with`: nothing below asks for the active span, and it would make every promise of the process dearer.
      return await work(span);
    } catch (error) {
      span.setAttribute('error.type', isRoteraError(error) ? error.code : 'internal');
      span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
      throw error;
    } finally {
      span.end();
    }
  }
}

const about = ({ name }: Queue): Attributes => ({ 'messaging.system': 'rotera', 'messaging.destination.name': name });

const amount = (messages: number, bytes: number): Attributes => ({
  'messaging.batch.message_count': messages,
  'messaging.message.body.size': bytes,
});
