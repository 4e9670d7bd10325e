import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { Start, Wire } from '../support/wire.js';
import { openTail, PROTOCOLS, type Tail } from './tail-words.js';
import { makeQueue, pushNumbered, read, type Suite, stat } from './words.js';

const cursorOf = async (wire: Wire): Promise<unknown> =>
  ((await stat(wire))['cursors'] as Record<string, unknown>)['c'];

/** Resolves when the cursor has come to a position. */
async function reaches(wire: Wire, position: number): Promise<void> {
  while (wire.queues.get('q').cursor('c')?.position !== position) await new Promise(setImmediate);
}

/** Nothing comes: what was pushed last has been seen by another tail, and this one has answered a ping since. */
async function isQuiet(t: Test, tail: Tail, wire: Wire): Promise<void> {
  const other = await openTail(wire, '?from=-1');
  await other.texts(1);
  const before = tail.messages.length;
  tail.peer.socket.ping();
  await new Promise((resolve) => tail.peer.socket.once('pong', resolve));
  t.equal(tail.messages.length, before);
  other.peer.socket.close();
}

export const tailCursors: Suite = (t, start) => {
  for (const protocol of PROTOCOLS) {
    t.test(`a tail goes on where was acknowledged last, over ${protocol}`, async (t) => {
      const wire = await start(t);
      await pushNumbered(await makeQueue(wire, { maxMessages: 8 }), 0, 10);
      const tail = await openTail(wire, '?cursor=c', protocol);
      t.match(await tail.next(), { type: 'open', from: 2 }, 'a new cursor begins at oldest');
      t.equal((await tail.texts(8)).at(-1), 'm9');
      tail.ack(4);
      await reaches(wire, 5);
      tail.peer.socket.close();
      const again = await openTail(wire, '?cursor=c&from=9', protocol);
      t.match(await again.next(), { type: 'open', from: 5 }, 'from is ignored');
      t.equal((await again.texts(1))[0], 'm5');
      again.ack(3);
      again.ack(6);
      await reaches(wire, 7);
      const moved = await openTail(wire, '?cursor=c&from=9&move=true', protocol);
      t.match(await moved.next(), { type: 'open', from: 9 });
    });
  }

  t.test('an ack beyond the end is told, and the tail goes on', async (t) => {
    const wire = await start(t);
    await pushNumbered(await makeQueue(wire), 0, 3);
    const tail = await openTail(wire, '?cursor=c');
    await tail.upTo('up-to-date');
    tail.ack(3);
    t.match(await tail.next(), { type: 'error', code: 'beyond_end', next: 3 });
    tail.ack(2);
    await reaches(wire, 3);
  });

  t.test('no more than the window is unacknowledged', (t) => windows(t, start));

  t.test('a queue that ends ends a tail whose window is full, too', async (t) => {
    const wire = await start(t);
    await makeQueue(wire, {}, 'other');
    const path = join(wire.queues.directory, 'q.rot');
    const ends: ReadonlyArray<readonly [code: string, end: () => void]> = [
      ['queue_not_found', () => rmSync(path)],
      ['epoch_changed', () => renameSync(join(wire.queues.directory, 'other.rot'), path)],
    ];
    for (const [code, end] of ends) {
      await pushNumbered(await makeQueue(wire), 0, 3);
      const tail = await openTail(wire, '?cursor=c&window=1');
      await tail.texts(1);
      await isQuiet(t, tail, wire);
      end();
      await wire.queues.rescan();
      t.match((await tail.upTo('error')).at(-1), { code });
      t.strictSame(await tail.peer.closed(), { code: 4410, reason: code });
      t.equal(tail.messages.length, 1);
    }
  });

  t.test('several connections each get everything, and the highest ack stands', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await pushNumbered(queue, 0, 4);
    const tails = [await openTail(wire, '?cursor=c&window=4'), await openTail(wire, '?cursor=c&window=4')] as const;
    for (const tail of tails) t.equal((await tail.texts(4)).length, 4);
    tails[0].ack(3);
    await pushNumbered(queue, 4, 8);
    // The second acknowledges nothing itself: what is acknowledged on one connection is so for both.
    for (const tail of tails) t.equal((await tail.texts(8)).at(-1), 'm7');
    tails[1].ack(5);
    await reaches(wire, 6);
    t.equal((await read(wire, '?cursor=c&ack=7')).json['first'], 8);
    await pushNumbered(queue, 8, 12);
    for (const tail of tails) t.equal((await tail.texts(12)).at(-1), 'm11', 'an ack by read counts, too');
  });

  t.test('what rotation took from it is told and counted', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire, { maxMessages: 4 });
    await pushNumbered(queue, 0, 2);
    const tail = await openTail(wire, '?cursor=c&window=2');
    await tail.texts(2);
    await pushNumbered(queue, 2, 10);
    await isQuiet(t, tail, wire);
    tail.ack(1);
    t.match((await tail.upTo('gap')).at(-1), { from: 2, to: 6, count: 4, reason: 'rotated' });
    t.strictSame((await tail.texts(4)).slice(2), ['m6', 'm7'], 'the gap does not fill the window');
    t.match(await cursorOf(wire), { position: 2, missed: 4 });
    const failing = await openTail(wire, '?cursor=c&gap=fail');
    t.match((await failing.upTo('error')).at(-1), { code: 'rotated', from: 2, to: 6 });
  });

  t.test('a flood of acks moves it to the highest', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await pushNumbered(queue, 0, 100);
    const tail = await openTail(wire, '?cursor=c');
    await tail.texts(100);
    for (let i = 0; i < 5000; i++) tail.ack((i * 37) % 100);
    await reaches(wire, 100);
  });
};

async function windows(t: Test, start: Start): Promise<void> {
  const wire = await start(t);
  const queue = await makeQueue(wire);
  await pushNumbered(queue, 0, 20);
  for (const protocol of PROTOCOLS) {
    const tail = await openTail(wire, `?cursor=c&window=5&from=0&move=true`, protocol);
    await tail.texts(5);
    await isQuiet(t, tail, wire);
    tail.ack(1);
    await tail.texts(7);
    await isQuiet(t, tail, wire);
    tail.ack(6);
    t.equal((await tail.texts(12)).at(-1), 'm11');
    tail.ack(11);
    tail.ack(16);
    t.equal((await tail.texts(20)).at(-1), 'm19');
    tail.peer.socket.close();
  }
  await pushNumbered(queue, 20, 1100);
  const wide = await openTail(wire, '?cursor=c&from=0&move=true');
  await wide.texts(1000);
  await isQuiet(t, wide, wire);
}
