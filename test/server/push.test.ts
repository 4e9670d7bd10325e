import t from 'tap';
import { batchOf } from '../../src/batch.js';
import { bytes, readAll, readFrom } from '../support/queues.js';
import { contract, isProblem, type Send, type Server } from '../support/server.js';

const NDJSON = { 'content-type': 'application/x-ndjson' };
const BATCH = { 'content-type': 'application/vnd.rotera.batch' };

const create = ({ send }: { send: Send }, limits: object = {}) =>
  send({ method: 'PUT', path: '/queues/q', body: JSON.stringify({ maxBytes: 1_000_000, reserve: false, ...limits }) });

const push = ({ send }: { send: Send }, body: string | Uint8Array, headers: Record<string, string> = {}) =>
  send({ method: 'POST', path: '/queues/q/messages', headers, body });

const stored = ({ queues }: Server): string[] => readAll(queues.get('q')).texts;

contract(t, 'a body is one message, whatever its content type', async (t, server) => {
  await create(server);
  const types = ['text/plain', 'application/json', 'application/octet-stream', 'multipart/form-data', 'nonsense', ''];
  for (const [i, type] of types.entries()) {
    const answer = await push(server, `{"message":\n${i}}`, { 'content-type': type });
    t.equal(answer.status, 200, type);
    const { epoch } = server.queues.get('q');
    t.strictSame(answer.json, { queue: 'q', epoch, first: i, next: i + 1, duplicate: false }, type);
    t.match(answer.headers, { 'rotera-epoch': epoch, 'rotera-oldest': '0', 'rotera-next': String(i + 1) });
  }
  t.strictSame(
    stored(server),
    types.map((_, i) => `{"message":\n${i}}`),
  );
});

contract(t, 'a message comes back byte for byte', async (t, server) => {
  await create(server);
  const message = bytes(100_000, 5);
  t.equal((await push(server, message)).status, 200);
  const read = await server.send({ path: '/queues/q/messages', headers: { accept: BATCH['content-type'] } });
  t.ok(read.body.equals(batchOf([message]).records));
});

contract(t, 'NDJSON is a message a line, not parsed', async (t, server) => {
  await create(server);
  const body = '{"a":1}\n\nnot json at all\r\n\r\n \nlast without a newline';
  const answer = await push(server, body, { 'content-type': 'application/x-ndjson; charset=utf-8' });
  t.match(answer.json, { first: 0, next: 4 });
  t.strictSame(stored(server), ['{"a":1}', 'not json at all', ' ', 'last without a newline']);
});

contract(t, 'a binary batch is its records, empty ones too', async (t, server) => {
  await create(server);
  const batch = batchOf([Buffer.from('a'), Buffer.alloc(0), Buffer.from('c\nd')]);
  t.match((await push(server, batch.records, BATCH)).json, { first: 0, next: 3 });
  t.strictSame(stored(server), ['a', '', 'c\nd']);
});

contract(t, 'a push that is refused leaves nothing behind', async (t, server) => {
  await create(server, { maxMessages: 3, maxBytes: 1000, maxMessageBytes: 600 });
  const { records } = batchOf([Buffer.from('good'), Buffer.from('also good')]);
  isProblem(t, await push(server, ''), 400, 'empty_body');
  isProblem(t, await push(server, '', NDJSON), 400, 'empty_batch');
  isProblem(t, await push(server, '\n\r\n\n', NDJSON), 400, 'empty_batch');
  isProblem(t, await push(server, '', BATCH), 400, 'empty_batch');
  isProblem(t, await push(server, records.subarray(0, -1), BATCH), 400, 'malformed_batch', { offset: 8 });
  isProblem(t, await push(server, records.subarray(0, 10), BATCH), 400, 'malformed_batch', { offset: 8 });
  isProblem(t, await push(server, 'x'.repeat(601)), 413, 'message_too_large', { maxMessageBytes: 600 });
  isProblem(t, await push(server, 'a\nb\nc\nd', NDJSON), 413, 'push_too_large', { maxMessages: 3 });
  isProblem(t, await push(server, `${'x'.repeat(600)}\n${'y'.repeat(401)}`, NDJSON), 413, 'push_too_large');
  isProblem(t, await push(server, Buffer.alloc(17 * 1024 * 1024 + 1)), 413, 'push_too_large');
  isProblem(t, await server.send({ method: 'POST', path: '/queues/q/messages?a=1', body: 'x' }), 400, 'bad_parameter');
  isProblem(t, await server.send({ method: 'POST', path: '/queues/none/messages', body: 'x' }), 404, 'queue_not_found');
  t.match(server.queues.get('q').stat(), { next: 0, count: 0, bytes: 0 });
});

contract(t, 'more messages than a push may hold are refused', async (t, server) => {
  await create(server, { maxMessages: 2_000_000, maxBytes: 10_000_000 });
  const most = Buffer.alloc(4 * 1_048_576);
  isProblem(t, await push(server, Buffer.alloc(most.length + 4), BATCH), 413, 'push_too_large');
  t.match((await push(server, most, BATCH)).json, { first: 0, next: 1_048_576 });
});

contract(t, 'pushes at the same time get ids of their own, in one order', async (t, server) => {
  await create(server);
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => push(server, `${i}a\n${i}b`, NDJSON)));
  const firsts = answers.map(({ json }) => json['first'] as number);
  t.strictSame(
    [...firsts].sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => 2 * i),
  );
  const all = stored(server);
  for (const [i, first] of firsts.entries()) t.strictSame(all.slice(first, first + 2), [`${i}a`, `${i}b`]);
});

contract(t, 'what is answered is what readers see', async (t, server) => {
  await create(server);
  await push(server, 'x'.repeat(1000));
  t.match(readFrom(server.queues.get('q'), 0), { next: 1, count: 1 });
});
