import type { Test } from 'tap';
import { isProblem } from '../support/server.js';
import type { Start, Wire } from '../support/wire.js';
import { Clock, dataOf, makeQueue, pushEach, pushNumbered, read, refuse, type Suite, stat } from './words.js';

type Cursor = { position: number; lag: number; missed: number; updatedAt: string };

const cursorOf = async (wire: Wire, name = 'c'): Promise<Cursor> =>
  ((await stat(wire))['cursors'] as Record<string, Cursor>)[name] as Cursor;

const positionOf = async (wire: Wire, name = 'c'): Promise<number> => (await cursorOf(wire, name)).position;

export const cursors: Suite = (t, start) => {
  t.test('the first use makes it, at from or else oldest', async (t) => {
    const wire = await start(t);
    await pushNumbered(await makeQueue(wire, { maxMessages: 8 }), 0, 10);
    t.strictSame(dataOf(await read(wire, '?cursor=c&limit=2')), ['m2', 'm3']);
    t.strictSame(dataOf(await read(wire, '?cursor=d&from=-1')), ['m9']);
    t.strictSame(dataOf(await read(wire, '?cursor=e&from=next')), []);
    t.match((await stat(wire))['cursors'], { c: { position: 2 }, d: { position: 9 }, e: { position: 10 } });
    isProblem(t, await read(wire, '?cursor=f&from=11'), 416, 'beyond_end', { next: 10 });
    t.notOk(await cursorOf(wire, 'f'), 'a refused read makes none');
  });

  t.test('reading does not move it: unacknowledged messages come again', async (t) => {
    const wire = await start(t);
    await pushNumbered(await makeQueue(wire), 0, 4);
    for (let i = 0; i < 3; i++) t.strictSame(dataOf(await read(wire, '?cursor=c&limit=2')), ['m0', 'm1']);
    t.strictSame(dataOf(await read(wire, '?cursor=c&limit=2&ack=1')), ['m2', 'm3'], 'read behind the ack');
    t.strictSame(dataOf(await read(wire, '?cursor=c&limit=2')), ['m2', 'm3']);
  });

  t.test('from is ignored afterwards, unless move is given', async (t) => {
    const wire = await start(t);
    await pushNumbered(await makeQueue(wire), 0, 5);
    await read(wire, '?cursor=c&from=3');
    t.strictSame(dataOf(await read(wire, '?cursor=c&from=0')), ['m3', 'm4']);
    t.strictSame(dataOf(await read(wire, '?cursor=c&from=0&move=false')), ['m3', 'm4']);
    t.strictSame(dataOf(await read(wire, '?cursor=c&from=1&move=true&limit=1')), ['m1']);
    t.equal(await positionOf(wire), 1);
    t.strictSame(dataOf(await read(wire, '?cursor=c&move=true&limit=1')), ['m1'], 'nowhere to move to');
    isProblem(t, await read(wire, '?cursor=c&from=6&move=true'), 416, 'beyond_end');
    t.equal(await positionOf(wire), 1);
  });

  t.test('an ack only ever moves forwards, is never beyond the end, and needs its cursor', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await pushNumbered(queue, 0, 5);
    isProblem(t, await read(wire, '?cursor=c&ack=2'), 404, 'cursor_not_found');
    await read(wire, '?cursor=c');
    t.strictSame(dataOf(await read(wire, '?cursor=c&ack=2')), ['m3', 'm4']);
    const { updatedAt } = await cursorOf(wire);
    t.strictSame(dataOf(await read(wire, '?cursor=c&ack=0')), ['m3', 'm4'], 'a success that changes nothing');
    t.match(await cursorOf(wire), { position: 3, updatedAt });
    isProblem(t, await read(wire, '?cursor=c&ack=5'), 416, 'beyond_end', { next: 5 });
    t.strictSame(dataOf(await read(wire, '?cursor=c&ack=4')), []);
    t.equal(await positionOf(wire), 5);
    isProblem(t, await read(wire, '?cursor=c&ack=4&epoch=other'), 410, 'epoch_changed');
    t.equal((await read(wire, `?cursor=c&ack=4&epoch=${queue.epoch}`)).status, 200);
  });

  t.test('a read that is refused has stored no ack, and moved and made no cursor', async (t) => {
    const wire = await start(t);
    await pushNumbered(await makeQueue(wire), 0, 5);
    await read(wire, '?cursor=c');
    isProblem(t, await read(wire, '?cursor=c&ack=3&to=2'), 400, 'bad_parameter', { parameter: 'to' });
    isProblem(t, await read(wire, '?cursor=c&ack=3&limit=0'), 400, 'bad_parameter', { parameter: 'limit' });
    const accept = { accept: 'text/plain' };
    isProblem(t, await read(wire, '?cursor=c&ack=3', accept), 406, 'not_acceptable');
    isProblem(t, await read(wire, '?cursor=c&from=4&move=true&to=3'), 400, 'bad_parameter', { parameter: 'to' });
    t.equal(await positionOf(wire), 0);
    isProblem(t, await read(wire, '?cursor=another&from=4&to=3'), 400, 'bad_parameter', { parameter: 'to' });
    isProblem(t, await read(wire, '?cursor=another&ack=1'), 404, 'cursor_not_found');
  });

  t.test('it outlives the server', async (t) => {
    const directory = t.testdir();
    const first = await start(t, { directory });
    await pushNumbered(await makeQueue(first), 0, 5);
    await read(first, '?cursor=c&from=1');
    await read(first, '?cursor=c&ack=2');
    await first.app.close();
    await first.queues.close();
    const second = await start(t, { directory });
    t.strictSame(dataOf(await read(second, '?cursor=c')), ['m3', 'm4']);
  });

  t.test('rotation that overtakes it is told as a gap, and counted for good', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire, { maxMessages: 4 });
    await pushNumbered(queue, 0, 2);
    await read(wire, '?cursor=c');
    await pushNumbered(queue, 2, 10);
    const gap = { from: 0, to: 6, count: 6, reason: 'rotated' };
    for (let i = 0; i < 2; i++) t.match((await read(wire, '?cursor=c')).json, { gap, first: 6 });
    t.match(await cursorOf(wire), { position: 0, missed: 6 }, 'told twice, counted once');
    await read(wire, '?cursor=c&ack=7');
    await pushNumbered(queue, 10, 14);
    t.match((await read(wire, '?cursor=c')).json, { gap: { from: 8, to: 10, count: 2 } });
    t.match(await cursorOf(wire), { position: 8, missed: 8 });
    isProblem(t, await read(wire, '?cursor=c&gap=fail'), 410, 'rotated', { from: 8, to: 10 });
    await pushNumbered(queue, 14, 15);
    isProblem(t, await read(wire, '?cursor=c&gap=fail'), 410, 'rotated', { from: 8, to: 11 });
    t.equal((await cursorOf(wire)).missed, 9, 'a refusal tells it, too');
  });

  t.test('a queue that takes no writes is read by a cursor that rotation has overtaken', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire, { maxMessages: 4 });
    await pushNumbered(queue, 0, 2);
    await read(wire, '?cursor=c');
    await pushNumbered(queue, 2, 8);
    const { moveCursor } = queue;
    queue.moveCursor = refuse('queue_read_only', 'The disk broke.');
    for (let i = 0; i < 2; i++) {
      const answer = await read(wire, '?cursor=c');
      t.match(answer.json, { gap: { from: 0, to: 4, count: 4 } });
      t.strictSame(dataOf(answer), ['m4', 'm5', 'm6', 'm7']);
    }
    isProblem(t, await read(wire, '?cursor=c&ack=5'), 503, 'queue_read_only');
    queue.moveCursor = moveCursor;
    await read(wire, '?cursor=c');
    t.match(await cursorOf(wire), { position: 0, missed: 4 }, 'counted once it can be');
  });

  t.test('of too many the one unused for a week gives way, else a new one is refused', (t) => tooMany(t, start));
};

async function tooMany(t: Test, start: Start): Promise<void> {
  const clock = new Clock();
  const wire = await start(t, { now: clock.now });
  const queue = await makeQueue(wire);
  await pushEach(queue, 'a');
  const make = (name: string) => queue.moveCursor({ kind: 'open', name, position: 0, move: false });
  await make('c0');
  clock.advance(1000);
  await Promise.all(Array.from({ length: 999 }, (_, i) => make(`c${i + 1}`)));
  isProblem(t, await read(wire, '?cursor=one-more'), 409, 'too_many_cursors');
  t.equal((await read(wire, '?cursor=c500&ack=0')).status, 200, 'those that are there go on');
  clock.advance(7 * 24 * 3_600_000 - 500);
  t.equal((await read(wire, '?cursor=one-more')).status, 200);
  t.notOk(await cursorOf(wire, 'c0'));
  isProblem(t, await read(wire, '?cursor=and-one'), 409, 'too_many_cursors');
}
