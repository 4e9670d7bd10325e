import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isProblem } from '../support/server.js';
import { refusal } from '../support/wire.js';
import { openTail, type PROTOCOLS } from './tail-words.js';
import { Clock, damagedDirectory, makeQueue, pushEach, pushNumbered, type Suite } from './words.js';

/** The cases of one subprotocol. */
export const tailSocket =
  (protocol: (typeof PROTOCOLS)[number]): Suite =>
  (t, start) => {
    t.test('it says where it stands, replays, and goes on live', async (t) => {
      const clock = new Clock();
      const wire = await start(t, { now: clock.now });
      const queue = await makeQueue(wire);
      await pushNumbered(queue, 0, 3);
      const tail = await openTail(wire, '?from=1', protocol);
      const open = { type: 'open', queue: 'q', epoch: queue.epoch, oldest: 0, next: 3, from: 1 };
      t.strictSame(await tail.next(), open);
      t.strictSame((await tail.upTo('up-to-date')).at(-1), { type: 'up-to-date', next: 3 });
      clock.advance(1000);
      await pushNumbered(queue, 3, 6);
      t.strictSame(await tail.texts(5), ['m1', 'm2', 'm3', 'm4', 'm5']);
      const times = ['2026-01-31T12:00:00.000Z', '2026-01-31T12:00:01.000Z'];
      const wanted = [1, 2, 3, 4, 5].map((id) => ({ id, time: times[id < 3 ? 0 : 1], data: `m${id}` }));
      t.strictSame(tail.messages, wanted);
    });

    t.test('from takes every form, and is next when it is left out', async (t) => {
      const clock = new Clock();
      const wire = await start(t, { now: clock.now });
      const queue = await makeQueue(wire, { maxMessages: 4 });
      await pushNumbered(queue, 0, 4);
      clock.advance(60_000);
      await pushNumbered(queue, 4, 6);
      const froms: ReadonlyArray<readonly [query: string, from: number]> = [
        ['', 6],
        ['?from=next', 6],
        ['?from=oldest', 2],
        ['?from=0', 0],
        ['?from=-1', 5],
        ['?from=2026-01-31T12:00:30Z', 4],
        ['?from=30s', 4],
      ];
      for (const [query, from] of froms) t.match(await (await openTail(wire, query, protocol)).next(), { from }, query);
    });

    t.test('a gap is told at its place, or with gap=fail ends the tail', async (t) => {
      const wire = await start(t);
      const queue = await makeQueue(wire, { maxMessages: 2 });
      await pushNumbered(queue, 0, 5);
      const gap = { from: 1, to: 3, count: 2 };
      const tail = await openTail(wire, '?from=1', protocol);
      t.match((await tail.upTo('gap')).at(-1), { type: 'gap', ...gap, reason: 'rotated' });
      t.strictSame(await tail.texts(2), ['m3', 'm4']);
      const failing = await openTail(wire, '?from=1&gap=fail', protocol);
      t.match((await failing.upTo('error')).at(-1), { type: 'error', code: 'rotated', status: 410, ...gap });
      t.strictSame(await failing.peer.closed(), { code: 4410, reason: 'rotated' });
      t.strictSame(failing.messages, []);
    });

    t.test('what is damaged is told as such', async (t) => {
      const texts = ['a', 'b', 'c'].map((letter) => letter.repeat(40_000));
      const wire = await start(t, { directory: await damagedDirectory(t, texts, 1) });
      const tail = await openTail(wire, '?from=0', protocol);
      t.match((await tail.upTo('gap')).at(-1), { from: 1, to: 2, count: 1, reason: 'damaged' });
      t.strictSame(await tail.texts(2), [texts[0], texts[2]]);
      const failing = await openTail(wire, '?from=0&gap=fail', protocol);
      t.match((await failing.upTo('error')).at(-1), { code: 'damaged' });
      t.strictSame(
        failing.messages.map(({ id }) => id),
        [0],
        'all that lies before it has come',
      );
    });

    t.test('before a stop it says so, and closes with 1001', async (t) => {
      const wire = await start(t);
      const queue = await makeQueue(wire);
      await pushNumbered(queue, 0, 2);
      const tail = await openTail(wire, '?from=0', protocol);
      await tail.upTo('up-to-date');
      const closed = wire.app.close();
      t.strictSame(await tail.next(), { type: 'draining' });
      t.equal((await tail.peer.closed()).code, 1001);
      await closed;
    });

    t.test('a queue that is removed or made anew ends it with 4410', async (t) => {
      const wire = await start(t);
      const queue = await makeQueue(wire);
      await makeQueue(wire, {}, 'other');
      await pushEach(queue, 'a');
      const path = join(wire.queues.directory, 'q.rot');
      const removed = await openTail(wire, '?from=0', protocol);
      await removed.upTo('up-to-date');
      rmSync(path);
      await wire.queues.rescan();
      t.match(await removed.next(), { type: 'error', code: 'queue_not_found', status: 404 });
      t.strictSame(await removed.peer.closed(), { code: 4410, reason: 'queue_not_found' });
      await makeQueue(wire);
      const replaced = await openTail(wire, '', protocol);
      await replaced.upTo('up-to-date');
      renameSync(join(wire.queues.directory, 'other.rot'), path);
      await wire.queues.rescan();
      t.match(await replaced.next(), { type: 'error', code: 'epoch_changed', status: 410 });
      t.strictSame(await replaced.peer.closed(), { code: 4410, reason: 'epoch_changed' });
    });

    t.test('what is said of another life is a gap of reason recreated, or with gap=fail the end', async (t) => {
      const wire = await start(t);
      const queue = await makeQueue(wire);
      await pushNumbered(queue, 0, 3);
      const query = '?lastEventId=another-life:41';
      const tail = await openTail(wire, query, protocol);
      t.match(await tail.next(), { type: 'open', from: 0 });
      t.match(await tail.next(), { type: 'gap', from: 42, to: 0, count: null, reason: 'recreated' });
      t.strictSame(await tail.texts(3), ['m0', 'm1', 'm2']);
      const failing = await openTail(wire, `${query}&gap=fail`, protocol);
      t.match((await failing.upTo('error')).at(-1), { code: 'epoch_changed' });
      t.equal((await failing.peer.closed()).code, 4410);
    });

    t.test('what cannot be is refused before the upgrade', async (t) => {
      const wire = await start(t);
      const { epoch } = await makeQueue(wire);
      const refused: ReadonlyArray<readonly [path: string, status: number]> = [
        ['/queues/none/tail', 404],
        ['/queues/q/tail?from=1', 416],
        ['/queues/q/tail?from=x', 400],
        ['/queues/q/tail?epoch=other', 410],
        ['/queues/q/tail?window=5', 400],
        ['/queues/q/tail?move=true', 400],
        ['/queues/q/tail?cursor=c&window=0', 400],
        ['/queues/q/tail?cursor=c&window=1000001', 400],
        ['/queues/q/tail?limit=5', 400],
        ['/queues/q/tail?lastEventId=x', 400],
        [`/queues/q/tail?lastEventId=${epoch}:5`, 416],
      ];
      for (const [path, status] of refused) {
        const { status: told } = await refusal(wire.open(path, { protocols: [protocol] }));
        t.equal(told, status, path);
      }
      t.strictSame(wire.queues.get('q').cursors(), {}, 'nothing was made by what was refused');
    });

    t.test('a frame that is no ack is refused, and the tail closed with 1008', async (t) => {
      const wire = await start(t);
      await makeQueue(wire);
      const frames = [
        '',
        'x',
        '[]',
        'null',
        '5',
        '{"type":"ack"}',
        '{"type":"ack","id":-1}',
        '{"type":"ack","id":"0"}',
      ];
      frames.push('{"type":"pull","id":0}', '{"type":"ack","id":0.5}', `{"type":"ack","id":0${' '.repeat(1024)}}`);
      for (const frame of [...frames, Buffer.from('{"type":"ack","id":0}')]) {
        const tail = await openTail(wire, '?cursor=c', protocol);
        tail.peer.send(frame);
        t.match((await tail.upTo('error')).at(-1), { code: 'bad_parameter', status: 400 }, String(frame));
        t.strictSame(await tail.peer.closed(), { code: 1008, reason: 'bad_parameter' });
      }
      const lone = await openTail(wire, '', protocol);
      lone.ack(0);
      t.match((await lone.upTo('error')).at(-1), { code: 'bad_parameter' }, 'nothing to acknowledge without a cursor');
      t.equal((await lone.peer.closed()).code, 1008);
    });
  };

/** What is the same whatever the subprotocol. */
export const tails: Suite = (t, start) => {
  t.test('without a subprotocol rotera.v1 is spoken, and others alone are refused', async (t) => {
    const wire = await start(t);
    await pushEach(await makeQueue(wire), 'a');
    const tail = await openTail(wire, '?from=0');
    const types = (await tail.peer.upTo('up-to-date')).map(({ type }) => type);
    t.strictSame(types, ['open', 'messages', 'up-to-date']);
    for (const protocols of [['unknown.v1'], ['rotera.v2', 'rotera.token.eA']])
      t.equal((await refusal(wire.open('/queues/q/tail', { protocols }))).status, 400);
  });

  t.test('bytes that are no UTF-8 come as base64', async (t) => {
    const wire = await start(t);
    await wire.send({ method: 'PUT', path: '/queues/q', body: '{"maxBytes":1000,"reserve":false}' });
    await wire.send({ method: 'POST', path: '/queues/q/messages', body: Buffer.of(255) });
    const tail = await openTail(wire, '?from=0');
    t.match(await tail.texts(1), ['/w==']);
    t.match(tail.messages, [{ id: 0, data: '/w==', encoding: 'base64' }]);
  });

  t.test('too many are refused with 429', async (t) => {
    const wire = await start(t, { limits: { maxTails: 2 } });
    await makeQueue(wire);
    const first = await openTail(wire);
    await openTail(wire, '?cursor=c');
    t.equal((await refusal(wire.open('/queues/q/tail?cursor=d'))).status, 429);
    isProblem(t, await wire.send({ path: '/queues/q/tail?cursor=d' }), 429, 'too_many_tails');
    t.notOk(wire.queues.get('q').cursor('d'), 'a refused tail makes no cursor');
    first.peer.socket.terminate();
    // The server learns of it a moment later than the client.
    while ((await wire.send({ path: '/queues/q' })).json['tails'] !== 1) await new Promise(setImmediate);
    await openTail(wire);
  });
};
