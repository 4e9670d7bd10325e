import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { RoteraError } from '../../src/errors.js';
import type { Peer } from '../support/peer.js';
import { readFrom, texts as textsOf } from '../support/queues.js';
import { refusal, type Start, type Wire } from '../support/wire.js';
import { makeQueue, recordsOf, type Suite } from './words.js';

const BINARY = { protocols: ['rotera.batch.v1'] };

const stored = ({ queues }: Wire): string[] => textsOf(readFrom(queues.get('q'), 0));

/** The next so many answers. */
async function answers(peer: Peer, count: number): Promise<unknown[]> {
  const all: unknown[] = [];
  while (all.length < count) all.push(await peer.json());
  return all;
}

export const pushSocket: Suite = (t, start) => {
  t.test('each frame is a message, text or binary, and is answered in order', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    for (const protocols of [[], ['rotera.v1'], ['unknown.v9', 'rotera.v1']]) {
      const peer = await wire.open('/queues/q/push', { protocols });
      const first = wire.queues.get('q').next;
      peer.send('text ü');
      peer.send(Buffer.from('bytes'));
      t.strictSame(await answers(peer, 2), [
        { first, next: first + 1, duplicate: false },
        { first: first + 1, next: first + 2, duplicate: false },
      ]);
      t.strictSame(stored(wire).slice(-2), ['text ü', 'bytes']);
    }
  });

  t.test('many frames may be in flight', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    const peer = await wire.open('/queues/q/push');
    const count = 10_000;
    for (let i = 0; i < count; i++) peer.send(`m${i}`);
    const all = (await answers(peer, count)) as Array<{ first: number }>;
    t.ok(all.every(({ first }, i) => first === i));
    t.ok(stored(wire).every((text, i) => text === `m${i}`));
  });

  t.test('a refused frame keeps its place and the socket open', async (t) => {
    const wire = await start(t);
    await makeQueue(wire, { maxMessageBytes: 5 });
    const peer = await wire.open('/queues/q/push');
    for (const text of ['a', 'too long', '', 'b']) peer.send(text);
    t.match(await answers(peer, 4), [
      { first: 0, next: 1 },
      { type: 'urn:rotera:message_too_large', status: 413, code: 'message_too_large', retryable: false },
      { status: 400, code: 'empty_body' },
      { first: 1, next: 2 },
    ]);
    t.strictSame(stored(wire), ['a', 'b']);
  });

  t.test('a queue that is removed closes it with 4410, behind the answers', async (t) => {
    const wire = await start(t);
    const old = await makeQueue(wire);
    const idle = await wire.open('/queues/q/push');
    const busy = await wire.open('/queues/q/push');
    busy.send('a');
    t.match(await busy.json(), { first: 0, next: 1 });
    rmSync(join(wire.queues.directory, 'q.rot'));
    for (const text of ['b', 'c']) busy.send(text);
    t.match(await answers(busy, 2), [{ code: 'queue_not_found' }, { code: 'queue_not_found' }]);
    await makeQueue(wire);
    t.equal(old.ended, 'removed');
    for (const peer of [idle, busy]) t.strictSame(await peer.closed(), { code: 4410, reason: 'queue_not_found' });
    const again = await wire.open('/queues/q/push');
    again.send('new');
    t.match(await again.json(), { first: 0, next: 1 });
    t.strictSame(stored(wire), ['new']);
  });

  t.test('with rotera.batch.v1 each binary frame is a batch', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    const peer = await wire.open('/queues/q/push', BINARY);
    const frames = [
      recordsOf('a', '', 'b'),
      recordsOf('c').subarray(0, 4),
      Buffer.alloc(0),
      'text',
      Buffer.of(1),
      recordsOf('d'),
    ];
    for (const frame of frames) peer.send(frame);
    t.match(await answers(peer, frames.length), [
      { first: 0, next: 3, duplicate: false },
      { code: 'malformed_batch', offset: 0 },
      { code: 'empty_body' },
      { code: 'malformed_batch' },
      { code: 'malformed_batch' },
      { first: 3, next: 4, duplicate: false },
    ]);
    t.strictSame(stored(wire), ['a', '', 'b', 'd']);
  });

  t.test('a producer is named in the URL, and its seq counts frames', (t) => producerOverSocket(t, start));

  t.test('what cannot be opened is refused with a plain status', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    const refused: ReadonlyArray<readonly [path: string, status: number]> = [
      ['/queues/none/push', 404],
      ['/queues/.q/push', 400],
      ['/queues/q/push?colour=red', 400],
      ['/queues/q/push?producerId=p', 400],
      ['/queues/q/push?producerId=p&producerEpoch=0&producerSeq=x', 400],
      ['/queues/q/push?producerId=p&producerEpoch=0&producerSeq=0&producerSeq=0', 400],
      ['/queues/q/messages', 400],
      ['/queues', 400],
      ['/nothing', 404],
    ];
    for (const [path, status] of refused) t.equal((await refusal(wire.open(path))).status, status, path);
    const plain = await wire.send({ path: '/queues/q/push' });
    t.equal(plain.status, 426);
    t.match(plain.json, { code: 'upgrade_required' });
    t.match(plain.headers, { upgrade: 'websocket', 'sec-websocket-version': '13' });
  });

  t.test('an error that nobody thought of is told in its place', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    const { push } = queue;
    const peer = await wire.open('/queues/q/push');
    queue.push = (): Promise<never> => Promise.reject(new TypeError('secret'));
    peer.send('a');
    t.match(await peer.json(), { status: 500, code: 'internal' });
    queue.push = (): Promise<never> => Promise.reject(new RoteraError('overloaded', 'made up'));
    peer.send('b');
    t.match(await peer.json(), { status: 503, code: 'overloaded', retryable: true });
    queue.push = push;
    peer.send('c');
    t.match(await peer.json(), { first: 0 });
  });

  t.test('a server that stops answers what it took, then closes with 1001', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    const peer = await wire.open('/queues/q/push');
    for (let i = 0; i < 100; i++) peer.send(`m${i}`);
    await peer.json();
    const closed = wire.app.close();
    t.equal((await peer.closed()).code, 1001);
    await closed;
    const rest = wire.queues.get('q').next;
    t.strictSame(
      stored(wire),
      Array.from({ length: rest }, (_, i) => `m${i}`),
    );
  });
};

async function producerOverSocket(t: Test, start: Start): Promise<void> {
  const wire = await start(t);
  await makeQueue(wire, { maxMessageBytes: 5 });
  const path = (seq: number) => `/queues/q/push?producerId=p&producerEpoch=1&producerSeq=${seq}`;
  const first = await wire.open(path(0));
  for (const text of ['a', 'b', 'too long', 'c']) first.send(text);
  t.match(await answers(first, 4), [
    { first: 0, duplicate: false },
    { first: 1, duplicate: false },
    { code: 'message_too_large' },
    { code: 'producer_gap', expectedSeq: 2 },
  ]);
  first.socket.close();
  const again = await wire.open(path(1));
  for (const text of ['b', 'c', 'd']) again.send(text);
  t.strictSame(await answers(again, 3), [
    { first: 1, next: 2, duplicate: true },
    { first: 2, next: 3, duplicate: false },
    { first: 3, next: 4, duplicate: false },
  ]);
  t.equal(again.socket.readyState, WebSocket.OPEN);
  const older = await wire.open('/queues/q/push?producerId=p&producerEpoch=0&producerSeq=0');
  older.send('x');
  t.match(await older.json(), { code: 'producer_fenced', producerEpoch: 1 });
  t.strictSame(stored(wire), ['a', 'b', 'c', 'd']);
}
