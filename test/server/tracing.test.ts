import { context, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import t from 'tap';
import { WebSocket } from 'ws';
import { Tracing } from '../../src/server/tracing.js';
import { type Server, startServer } from '../support/server.js';

const LIMITS = { maxBytes: 10_000, reserve: false };
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const headers = { traceparent: `00-${TRACE}-${CALLER}-01` };

t.equal(Tracing.start(), undefined, 'without an SDK there is no tracing');

const exporter = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());

/** What was traced since the last look, in the order in which it ended. The server is closed by that: it has told all then. */
async function spansOf({ app }: Server) {
  await app.close();
  const finished = exporter.getFinishedSpans().map((span) => ({
    name: span.name,
    traceId: span.spanContext().traceId,
    id: span.spanContext().spanId,
    parent: span.parentSpanContext?.spanId,
    attributes: span.attributes,
    failed: span.status.code === SpanStatusCode.ERROR,
    ms: span.duration[0] * 1000 + span.duration[1] / 1e6,
  }));
  exporter.reset();
  return finished;
}

t.test('a push is a span of the trace of its caller, with its commit below it', async (t) => {
  const server = await startServer(t);
  const { queues, send } = server;
  await queues.create('q', LIMITS);
  const answer = await send({ method: 'POST', path: '/queues/q/messages', headers, body: 'abc' });
  t.equal(answer.status, 200);
  const [commit, push, ...others] = await spansOf(server);
  t.strictSame(others, []);
  t.match(push, { name: 'push', traceId: TRACE, parent: CALLER, failed: false });
  t.match(push?.attributes, {
    'messaging.system': 'rotera',
    'messaging.destination.name': 'q',
    'messaging.batch.message_count': 1,
    'messaging.message.body.size': 3,
    'rotera.first': 0,
    'rotera.duplicate': false,
  });
  t.match(commit, { name: 'commit', traceId: TRACE, parent: push?.id, attributes: { 'rotera.pushes': 1 } });
  t.ok((commit?.ms ?? 0) > 0, `${commit?.ms} ms`);
});

t.test('a repeat is no commit; a refusal is a failed span', async (t) => {
  const server = await startServer(t);
  const { queues, send } = server;
  await queues.create('q', LIMITS);
  const producer = { 'producer-id': 'p', 'producer-epoch': '0' };
  const push = (seq: number) =>
    send({ method: 'POST', path: '/queues/q/messages', headers: { ...producer, 'producer-seq': `${seq}` }, body: 'a' });
  t.strictSame([(await push(0)).status, (await push(0)).status, (await push(7)).status], [200, 200, 409]);
  t.match(await spansOf(server), [
    { name: 'commit' },
    { name: 'push', parent: undefined, attributes: { 'rotera.duplicate': false }, failed: false },
    { name: 'push', attributes: { 'rotera.duplicate': true }, failed: false },
    { name: 'push', attributes: { 'error.type': 'producer_gap' }, failed: true },
  ]);
});

t.test('a read is a span', async (t) => {
  const server = await startServer(t);
  const { queues, send } = server;
  await queues.create('q', LIMITS);
  t.equal((await send({ path: '/queues/q/messages', headers })).status, 200);
  const all = await spansOf(server);
  t.equal(all.length, 1);
  t.match(all, [{ name: 'read', traceId: TRACE, parent: CALLER, attributes: { 'messaging.batch.message_count': 0 } }]);
});

t.test('the frames of a socket are pushes of the trace that opened it', async (t) => {
  const server = await startServer(t);
  const { queues, url } = server;
  await queues.create('q', LIMITS);
  const socket = new WebSocket(`${url.replace('http', 'ws')}/queues/q/push`, { headers });
  t.teardown(() => socket.terminate());
  let answers = 0;
  await new Promise<void>((resolve) => {
    socket.on('open', () => ['a', 'b'].forEach((text) => void socket.send(text)));
    socket.on('message', () => ++answers === 2 && resolve());
  });
  const pushes = (await spansOf(server)).filter(({ name }) => name === 'push');
  // Frames that arrive together are one push.
  t.ok(pushes.length === 1 || pushes.length === 2);
  for (const push of pushes) t.match(push, { traceId: TRACE, parent: CALLER });
});
