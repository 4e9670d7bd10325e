import { batchOf } from '../../src/batch.js';
import { isProblem } from '../support/server.js';
import { Clock, makeQueue, pushEach, pushNumbered, type Suite } from './words.js';

export const message: Suite = (t, start) => {
  t.test('one message is its bytes', async (t) => {
    const clock = new Clock();
    const wire = await start(t, { now: clock.now });
    const queue = await makeQueue(wire);
    const bytes = Buffer.of(0, 255, 10, 13, 0xc3);
    await queue.push(batchOf([Buffer.from('first'), bytes, Buffer.alloc(0)]));
    const answer = await wire.send({ path: '/queues/q/messages/1' });
    t.equal(answer.status, 200);
    t.ok(answer.body.equals(bytes));
    t.match(answer.headers, {
      'content-type': 'application/octet-stream',
      etag: `"${queue.epoch}:1"`,
      'rotera-time': '2026-01-31T12:00:00.000Z',
      'rotera-epoch': queue.epoch,
      'rotera-oldest': '0',
      'rotera-next': '3',
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, no-cache',
    });
    t.equal((await wire.send({ path: '/queues/q/messages/2' })).body.length, 0);
    const head = await wire.send({ method: 'HEAD', path: '/queues/q/messages/0' });
    t.strictSame([head.status, head.body.length, head.headers['content-length']], [200, 0, '5']);
    t.equal(head.headers['etag'], `"${queue.epoch}:0"`);
  });

  t.test('it is immutable only under its epoch', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await pushEach(queue, 'a');
    const { headers } = await wire.send({ path: `/queues/q/messages/0?epoch=${queue.epoch}` });
    t.equal(headers['cache-control'], 'private, max-age=31536000, immutable');
    const other = await wire.send({ path: '/queues/q/messages/0?epoch=other' });
    isProblem(t, other, 410, 'epoch_changed', { epoch: queue.epoch });
  });

  t.test('If-None-Match spares the body', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await pushEach(queue, 'a');
    const tag = `"${queue.epoch}:0"`;
    for (const value of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
      const answer = await wire.send({ path: '/queues/q/messages/0', headers: { 'if-none-match': value } });
      t.strictSame([answer.status, answer.body.length, answer.headers['etag']], [304, 0, tag], value);
      t.equal(answer.headers['rotera-next'], '1', 'every answer about a queue says where it stands');
    }
    for (const value of [`"${queue.epoch}:1"`, '"other:0"', queue.epoch])
      t.equal((await wire.send({ path: '/queues/q/messages/0', headers: { 'if-none-match': value } })).status, 200);
  });

  t.test('what is not there is told apart', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire, { maxMessages: 2 });
    await pushNumbered(queue, 0, 5);
    isProblem(t, await wire.send({ path: '/queues/q/messages/5' }), 404, 'not_yet');
    isProblem(t, await wire.send({ path: '/queues/q/messages/2' }), 410, 'rotated', { from: 2, to: 3, count: 1 });
    isProblem(t, await wire.send({ path: '/queues/none/messages/0' }), 404, 'queue_not_found');
    for (const id of ['x', '-1', '1.0', '9007199254740992', '%20'])
      isProblem(t, await wire.send({ path: `/queues/q/messages/${id}` }), 400, 'bad_parameter', { parameter: 'id' });
    isProblem(t, await wire.send({ path: '/queues/q/messages/3?from=1' }), 400, 'bad_parameter', { parameter: 'from' });
    const put = await wire.send({ method: 'PUT', path: '/queues/q/messages/3', body: 'x' });
    isProblem(t, put, 405, 'method_not_allowed');
    t.equal(put.headers['allow'], 'GET, HEAD');
  });
};
