import { isProblem } from '../support/server.js';
import { Clock, makeQueue, push, pushEach, pushNumbered, read, type Suite, stat, TIME } from './words.js';

interface Cursors {
  readonly [name: string]: { position: number; lag: number; headroom: { messages: number; seconds: number | null } };
}

export const stats: Suite = (t, start) => {
  t.test('the whole of it', async (t) => {
    const clock = new Clock();
    const wire = await start(t, { now: clock.now });
    const queue = await makeQueue(wire, { maxMessages: 3, maxBytes: 10_000, maxAgeSeconds: 3600 });
    await pushEach(queue, 'a', 'bb');
    clock.advance(60_000);
    await pushEach(queue, 'ccc', 'dddd');
    const { file, ...rest } = await stat(wire);
    t.strictSame(rest, {
      queue: 'q',
      epoch: queue.epoch,
      createdAt: '2026-01-31T12:00:00.000Z',
      maxMessages: 3,
      maxBytes: 10_000,
      maxAgeSeconds: 3600,
      maxMessageBytes: 1024 * 1024,
      reserve: false,
      oldest: 1,
      next: 4,
      count: 3,
      bytes: 9,
      oldestTime: '2026-01-31T12:00:00.000Z',
      newestTime: '2026-01-31T12:01:00.000Z',
      rotated: { messages: 1, byCount: 1, byBytes: 0, byAge: 0, byRoom: 0 },
      tails: 0,
      state: 'ok',
      stateReason: null,
      cursors: {},
    });
    t.match(file, { bytes: Number, limit: Number });
    clock.advance(3_600_001);
    await push(wire, 'e');
    t.match(await stat(wire), { oldest: 4, rotated: { messages: 4, byCount: 1, byAge: 3 } });
  });

  t.test('each cursor says its lag, and how far it is from being overrun', async (t) => {
    const clock = new Clock();
    const wire = await start(t, { now: clock.now });
    const queue = await makeQueue(wire, { maxMessages: 10 });
    await pushNumbered(queue, 0, 6);
    await read(wire, '?cursor=slow');
    await read(wire, '?cursor=fast&from=next');
    const { slow, fast } = (await stat(wire))['cursors'] as Cursors;
    t.match(slow, { position: 0, lag: 6, headroom: { messages: 4 }, missed: 0, updatedAt: TIME });
    t.match(fast, { position: 6, lag: 0, headroom: { messages: 10 } });
    t.type(slow?.headroom.seconds, 'number', 'at the present rate');
    clock.advance(24 * 3_600_000);
    t.equal(((await stat(wire))['cursors'] as Cursors)['slow']?.headroom.seconds, null, 'nothing is pushed');
    await pushNumbered(queue, 6, 20);
    t.match((await stat(wire))['cursors'], { slow: { position: 0, lag: 20, headroom: { messages: 0 } } });
  });

  t.test('tails are counted', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    const tail = await wire.open('/queues/q/tail');
    await tail.upTo('up-to-date');
    const events = await wire.events('/queues/q/tail');
    await events.next();
    t.equal((await stat(wire))['tails'], 2);
    t.match((await wire.send({ path: '/queues' })).json, { queues: [{ queue: 'q', tails: 2 }] });
  });

  t.test('HEAD, and the list', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await makeQueue(wire, {}, 'a');
    const head = await wire.send({ method: 'HEAD', path: '/queues/q' });
    t.strictSame([head.status, head.body.length, head.headers['etag']], [200, 0, `"${queue.epoch}:0"`]);
    t.equal((await wire.send({ method: 'HEAD', path: '/queues/none' })).status, 404);
    const list = await wire.send({ path: '/queues' });
    t.equal(list.headers['cache-control'], 'no-store');
    const listed = list.json['queues'] as Array<Record<string, unknown>>;
    t.strictSame(
      listed.map((one) => [one['queue'], 'cursors' in one]),
      [
        ['a', false],
        ['q', false],
      ],
    );
    const listHead = await wire.send({ method: 'HEAD', path: '/queues' });
    t.strictSame([listHead.status, listHead.body.length], [200, 0]);
    isProblem(t, await wire.send({ path: '/queues/q?cursors=1' }), 400, 'bad_parameter', { parameter: 'cursors' });
  });
};
