import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isProblem } from '../support/server.js';
import { BATCH, makeQueue, NDJSON, push, read, recordsOf, refuse, type Suite } from './words.js';

export const pushes: Suite = (t, start) => {
  t.test('the answer says where the push stands, and so do the headers', async (t) => {
    const wire = await start(t);
    const { epoch } = await makeQueue(wire, { maxMessages: 2 });
    await push(wire, 'a');
    const answer = await push(wire, 'b\nc', { 'content-type': NDJSON });
    t.strictSame(answer.json, { queue: 'q', epoch, first: 1, next: 3, duplicate: false });
    t.match(answer.headers, { 'rotera-epoch': epoch, 'rotera-oldest': '1', 'rotera-next': '3' });
  });

  t.test('content types are told apart whatever their case and parameters', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    const counts: ReadonlyArray<readonly [type: string | undefined, body: string | Uint8Array, count: number]> = [
      [undefined, 'a\nb', 1],
      [`${NDJSON.toUpperCase()} ; charset=utf-8`, 'a\nb', 2],
      ['application/x-ndjsonish', 'a\nb', 1],
      ['application/json', '{"a":1}\n{"b":2}', 1],
      [`${BATCH};v=1`, recordsOf('a', 'b', ''), 3],
      ['application', 'a\nb', 1],
      ['text/plain; charset="', 'a\nb', 1],
      ['multipart/form-data', '--x', 1],
    ];
    for (const [type, body, count] of counts) {
      const { json } = await push(wire, body, type === undefined ? {} : { 'content-type': type });
      t.equal((json['next'] as number) - (json['first'] as number), count, type ?? 'none');
    }
  });

  t.test('If-Match pushes only if nothing was pushed since', async (t) => {
    const wire = await start(t);
    const { epoch } = await makeQueue(wire);
    const tag = (await wire.send({ path: '/queues/q' })).headers['etag'] as string;
    t.equal(tag, `"${epoch}:0"`);
    t.match((await push(wire, 'a', { 'if-match': tag })).json, { first: 0, next: 1 });
    isProblem(t, await push(wire, 'b', { 'if-match': tag }), 412, 'next_moved', { epoch, next: 1 });
    isProblem(t, await push(wire, 'b', { 'if-match': `"other:1"` }), 412, 'next_moved', { epoch, next: 1 });
    const racers = await Promise.all(['x', 'y', 'z'].map((body) => push(wire, body, { 'if-match': `"${epoch}:1"` })));
    t.strictSame(racers.map(({ status }) => status).sort(), [200, 412, 412]);
    for (const value of ['*', `${epoch}:2`, `W/"${epoch}:2"`, '""', `"${epoch}"`, `"${epoch}:2", "${epoch}:1"`, '']) {
      const answer = await push(wire, 'c', { 'if-match': value });
      isProblem(t, answer, 400, 'bad_parameter', { parameter: 'If-Match', accepted: String });
    }
    t.equal((await read(wire)).json['next'], 2);
  });

  t.test('what a queue refuses says the limit', async (t) => {
    const wire = await start(t);
    await makeQueue(wire, { maxMessages: 2, maxBytes: 10, maxMessageBytes: 6 });
    isProblem(t, await push(wire, '1234567'), 413, 'message_too_large', { maxMessageBytes: 6 });
    const limits = { maxMessages: 2, maxBytes: 10 };
    isProblem(t, await push(wire, 'a\nb\nc', { 'content-type': NDJSON }), 413, 'push_too_large', limits);
    isProblem(t, await push(wire, '123456\n12345', { 'content-type': NDJSON }), 413, 'push_too_large', limits);
    isProblem(t, await push(wire, ''), 400, 'empty_body');
    isProblem(t, await push(wire, '', { 'content-type': NDJSON }), 400, 'empty_batch');
    isProblem(t, await push(wire, Buffer.of(5, 0, 0, 0, 1), { 'content-type': BATCH }), 400, 'malformed_batch', {
      offset: 0,
    });
    t.match((await push(wire, '123456\n1234', { 'content-type': NDJSON })).json, { first: 0, next: 2 }, 'just so much');
  });

  t.test('a body over the limit of the server is refused before it is read', async (t) => {
    const wire = await start(t, { limits: { maxPushBytes: 1000 } });
    await makeQueue(wire);
    isProblem(t, await push(wire, 'x'.repeat(1001)), 413, 'push_too_large', { maxPushBytes: 1000 });
    t.equal((await push(wire, 'x'.repeat(1000))).status, 200);
    t.equal((await read(wire)).json['next'], 1);
  });

  t.test('a queue that takes no writes says why, and goes on being read', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await push(wire, 'kept');
    queue.push = refuse('queue_read_only', 'The disk broke.');
    const answer = await push(wire, 'a');
    isProblem(t, answer, 503, 'queue_read_only');
    t.equal(answer.json['detail'], 'The disk broke.');
    t.equal((await read(wire)).json['next'], 1);
  });

  t.test('a queue that cannot be read says why', async (t) => {
    const wire = await start(t);
    writeFileSync(join(wire.queues.directory, 'q.rot'), 'nothing of the kind');
    await wire.queues.rescan();
    isProblem(t, await push(wire, 'a'), 503, 'queue_unreadable', { reason: String });
    isProblem(t, await read(wire), 503, 'queue_unreadable', { reason: String });
    isProblem(t, await wire.send({ method: 'PUT', path: '/queues/q' }), 503, 'queue_unreadable');
  });

  // What only a disk in trouble produces: the engine's own tests show that it does, these that the wire says so.
  for (const [code, status] of [
    ['overloaded', 503],
    ['commit_timeout', 504],
    ['disk_full', 507],
  ] as const) {
    t.test(`${code} is told with when to try again`, async (t) => {
      const wire = await start(t);
      const queue = await makeQueue(wire);
      queue.push = refuse(code, 'made up');
      const answer = await push(wire, 'a');
      isProblem(t, answer, status, code);
      t.equal(answer.headers['retry-after'], '1');
    });
  }
};
