/**
 * Loaded before a server: OpenTelemetry as those set it up who use it, with every push sampled. Spans are sent as JSON, many at
 * once, to the address in PROVE_SPANS.
 */
import { Agent, request } from 'node:http';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import { watching } from './switch.js';

const address = process.env['PROVE_SPANS'] ?? '';
const OK = 0;
const FAILED = 1;

/** What a collector is told of a span. */
const told = (span: ReadableSpan) => {
  const { name, attributes, startTime, endTime, status, parentSpanContext } = span;
  const { traceId, spanId } = span.spanContext();
  return { name, attributes, startTime, endTime, status, parent: parentSpanContext?.spanId, traceId, spanId };
};

const agent = new Agent({ keepAlive: true });

const exporter: SpanExporter = {
  export(spans, done) {
    const sent = request(address, { method: 'POST', agent }, (answer) => {
      answer.resume().on('end', () => done({ code: OK }));
    });
    sent.on('error', (error) => done({ code: FAILED, error }));
    sent.end(JSON.stringify(spans.map(told)));
  },
  shutdown: async () => undefined,
};

class Processor extends BatchSpanProcessor {
  override onEnd(span: ReadableSpan): void {
    for (const end = performance.now() + watching.spanMs; performance.now() < end; );
    super.onEnd(span);
  }
}

trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new Processor(exporter)] }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
