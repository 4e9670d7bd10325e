import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { isProblem } from '../support/server.js';
import { refusal, type Wire } from '../support/wire.js';
import { Clock, makeQueue, pushEach, pushNumbered, read, type Suite, stat } from './words.js';

const open = ({ events }: Wire, query = '', headers: Record<string, string> = {}) =>
  events(`/queues/q/tail${query}`, headers);

export const tailEvents: Suite = (t, start) => {
  t.test('it is an event stream as EventSource takes it', async (t) => {
    const clock = new Clock();
    const wire = await start(t, { now: clock.now });
    const queue = await makeQueue(wire);
    await pushEach(queue, 'one\ntwo\r\nthree', '\u2028', '');
    const events = await open(wire, '?from=0');
    t.match(events.headers, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'rotera-epoch': queue.epoch,
      'rotera-oldest': '0',
      'rotera-next': '3',
    });
    t.strictSame(await events.next(), { retry: '2000' });
    const time = '2026-01-31T12:00:00.000Z';
    for (const [id, data] of ['one\ntwo\r\nthree', '\u2028', ''].entries())
      t.strictSame(await events.next(), { id: `${queue.epoch}:${id}`, data: JSON.stringify({ id, time, data }) });
    await pushEach(queue, 'live');
    t.match(await events.messages(1), [{ event: `${queue.epoch}:3`, id: 3, data: 'live' }]);
  });

  t.test('it resumes behind Last-Event-ID in its three spellings, of which the header comes first', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await pushNumbered(queue, 0, 10);
    const at = (id: number): string => `${queue.epoch}:${id}`;
    const resumed: ReadonlyArray<readonly [query: string, headers: Record<string, string>, first: number]> = [
      ['', { 'last-event-id': at(3) }, 4],
      ['', { 'last-event-id': '3' }, 4],
      [`?last_event_id=${at(4)}`, {}, 5],
      [`?lastEventId=${at(5)}`, {}, 6],
      ['?lastEventId=6', {}, 7],
      [`?last_event_id=${at(4)}`, { 'last-event-id': at(7) }, 8],
      [`?from=0&lastEventId=${at(5)}`, {}, 6],
    ];
    for (const [query, headers, first] of resumed)
      t.match(
        await (await open(wire, query, headers)).messages(1),
        [{ id: first }],
        `${query} ${JSON.stringify(headers)}`,
      );
    const end = await open(wire, '', { 'last-event-id': at(9) });
    await pushNumbered(queue, 10, 11);
    t.match(await end.messages(1), [{ id: 10 }]);
    for (const value of ['', 'x', `${at(1)}:1`, ':1', '-1', '9007199254740992', 'ä:1'])
      isProblem(t, (await refusal(open(wire, '', { 'last-event-id': value }))).answer!, 400, 'bad_parameter', {
        parameter: 'Last-Event-ID',
      });
    isProblem(t, (await refusal(open(wire, '?lastEventId=11'))).answer!, 416, 'beyond_end', { next: 11 });
    isProblem(t, (await refusal(open(wire, '?lastEventId=1&lastEventId=1'))).answer!, 400, 'bad_parameter');
  });

  t.test('another epoch is a gap, since EventSource gives up on an error', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire, { maxMessages: 2 });
    await pushNumbered(queue, 0, 5);
    const headers = { 'last-event-id': 'another-life:41' };
    const events = await open(wire, '', headers);
    t.strictSame(await events.next(), { retry: '2000' });
    const gap = '{"from":42,"to":3,"count":null,"reason":"recreated"}';
    t.strictSame(await events.next(), { event: 'gap', id: `${queue.epoch}:2`, data: gap });
    t.match(await events.messages(2), [{ id: 3 }, { id: 4 }]);
    isProblem(t, (await refusal(open(wire, '?gap=fail', headers))).answer!, 410, 'epoch_changed');
    isProblem(t, (await refusal(open(wire, '?epoch=other', headers))).answer!, 410, 'epoch_changed');
  });

  t.test('who follows from the end and has got nothing yet comes back at the same place', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    for (const id of [-1, 0]) {
      const events = await open(wire);
      const place = `${queue.epoch}:${id}`;
      t.strictSame(await events.next(), { retry: '2000', id: place });
      await pushEach(queue, 'missed');
      t.match(await (await open(wire, '', { 'last-event-id': place })).messages(1), [{ id: id + 1 }]);
    }
  });

  t.test('an EventSource comes back to a server that starts, where others are told by a status', async (t) => {
    let isReady = false;
    const wire = await start(t, { isReady: () => isReady });
    await pushEach(await makeQueue(wire), 'a');
    isProblem(t, (await refusal(open(wire, '?from=0'))).answer!, 503, 'starting');
    const accept = { accept: 'text/event-stream' };
    const early = await open(wire, '?from=0', accept);
    t.match(early.headers, { 'content-type': 'text/event-stream' });
    t.strictSame([await early.next(), await early.next()], [{ retry: '2000' }, { event: 'draining', data: '{}' }]);
    await early.ended();
    isReady = true;
    t.match(await (await open(wire, '?from=0', accept)).messages(1), [{ id: 0 }]);
  });

  t.test('a gap is an event, or with gap=fail a refusal', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire, { maxMessages: 2 });
    await pushNumbered(queue, 0, 5);
    const events = await open(wire, '?from=1');
    await events.next();
    const data = '{"from":1,"to":3,"count":2,"reason":"rotated"}';
    t.strictSame(await events.next(), { event: 'gap', id: `${queue.epoch}:2`, data });
    t.match(await events.messages(2), [{ id: 3 }, { id: 4 }]);
    isProblem(t, (await refusal(open(wire, '?from=1&gap=fail'))).answer!, 410, 'rotated', { from: 1, to: 3 });
    t.match(await (await open(wire, '?from=3&gap=fail')).messages(1), [{ id: 3 }]);
  });

  t.test('a server that stops says draining, and ends the stream', async (t) => {
    const wire = await start(t);
    await pushEach(await makeQueue(wire), 'a');
    const events = await open(wire, '?from=0');
    await events.messages(1);
    const closed = wire.app.close();
    t.strictSame(await events.next(), { event: 'draining', data: '{}' });
    await events.ended();
    await closed;
  });

  t.test('a queue that is removed ends the stream, and is a status when the client comes back', async (t) => {
    const wire = await start(t);
    await pushEach(await makeQueue(wire), 'a');
    const events = await open(wire, '?from=0');
    await events.messages(1);
    rmSync(join(wire.queues.directory, 'q.rot'));
    await wire.queues.rescan();
    await events.ended();
    isProblem(t, (await refusal(open(wire, '?from=0'))).answer!, 404, 'queue_not_found');
  });

  t.test('a cursor gives its place, and moves by reads with ack', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await pushNumbered(queue, 0, 1500);
    const events = await open(wire, '?cursor=c&from=0');
    t.equal((await events.messages(1500)).at(-1)?.id, 1499, 'no window holds it back');
    await read(wire, '?cursor=c&ack=9&limit=1');
    t.match(await (await open(wire, '?cursor=c')).messages(1), [{ id: 10 }]);
    t.match((await stat(wire))['cursors'], { c: { position: 10 } });
    const window = (await refusal(open(wire, '?cursor=c&window=5'))).answer!;
    isProblem(t, window, 400, 'bad_parameter', { parameter: 'window' });
  });

  t.test('a comment comes now and then', async (t) => {
    const wire = await start(t, { limits: { heartbeatMs: 20 } });
    await pushEach(await makeQueue(wire), 'a');
    const events = await open(wire, '?from=0');
    await events.messages(1);
    for (let i = 0; i < 3; i++) t.strictSame(await events.next(), { comment: '' });
  });

  t.test('HEAD and POST are refused', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    for (const method of ['HEAD', 'POST'] as const) {
      const answer = await wire.send({ method, path: '/queues/q/tail' });
      t.strictSame([answer.status, answer.headers['allow']], [405, 'GET'], method);
    }
  });
};
