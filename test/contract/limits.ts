import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { batchOf } from '../../src/batch.js';
import { exchange, RawConnection } from '../support/raw.js';
import { frame, OPCODE, RawSocket } from '../support/raw-frames.js';
import { isProblem } from '../support/server.js';
import { type RealWire, startListening } from '../support/wire.js';
import { openTail } from './tail-words.js';
import { makeQueue, pushEach, pushNumbered } from './words.js';

const MIB = 1024 * 1024;
const HEAD = 'POST /queues/q/messages HTTP/1.1\r\nHost: localhost\r\n';

const UPGRADE =
  'GET /queues/q/tail?from=0 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';

/** Bytes that the server holds for the peers of its WebSockets, beyond what the system has taken. */
const held = ({ app }: RealWire): number =>
  [...app.websocketServer.clients].reduce((sum, { bufferedAmount }) => sum + bufferedAmount, 0);

/** Over real connections only. */
export function limits(t: Test): void {
  t.test('a request that is too slow is answered with 408', async (t) => {
    const wire = await startListening(t, { limits: { headersMs: 200, requestMs: 600 } });
    const queue = await makeQueue(wire);
    for (const bytes of [
      'GET /queues/q HT',
      `${HEAD}Content-Length: 5\r\n\r\nab`,
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nab`,
    ]) {
      const { answers, closed } = await exchange(wire.port, bytes, 2);
      t.match(answers, [
        { status: 408, code: 'request_timeout', headers: { 'retry-after': '1', connection: 'close' } },
      ]);
      t.ok(closed);
    }
    t.equal(queue.next, 0);
  });

  t.test('a body that comes too slowly is answered with 408, one that is only long is not', async (t) => {
    const wire = await startListening(t, { limits: { slowBodyMs: 200 } });
    const queue = await makeQueue(wire);
    for (const head of ['Content-Length: 100000\r\n\r\n', 'Transfer-Encoding: chunked\r\n\r\n1\r\n']) {
      const { answers, closed } = await exchange(wire.port, `${HEAD}${head}a`, 2);
      t.match(answers, [
        { status: 408, code: 'request_timeout', headers: { 'retry-after': '1', connection: 'close' } },
      ]);
      t.ok(closed);
    }
    t.equal(queue.next, 0);
    const patient = await RawConnection.to(wire.port);
    patient.socket.write(`${HEAD}Content-Length: 20001\r\n\r\n${'x'.repeat(20_000)}`);
    // Until the others, which began later, have been refused.
    await exchange(wire.port, `${HEAD}Content-Length: 100000\r\n\r\na`, 1);
    patient.socket.write('y');
    await patient.until(() => patient.answers.length === 1);
    t.equal(patient.answers[0]?.status, 200);
    patient.socket.destroy();
  });

  t.test('an answer that nobody takes is cut, and the next ones are shorter', async (t) => {
    const wire = await startListening(t, { limits: { untakenMs: 1000 } });
    const queue = await makeQueue(wire, { maxBytes: 64 * MIB });
    await queue.push(batchOf(Array.from({ length: 256 }, () => Buffer.alloc(MIB / 16, 'x'))));
    const path = '/queues/q/messages?from=0&limit=256&maxBytes=16777216';
    const whole = (await wire.send({ path, headers: { accept: 'application/vnd.rotera.batch' } })).body.length;
    t.ok(whole > 16 * MIB - 1);
    let asked = 0;
    wire.app.server.on('request', () => asked++);
    for (let i = 0; i < 8; i++) {
      const socket = connect({ port: wire.port, host: '127.0.0.1' }).pause();
      t.teardown(() => socket.destroy());
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.rotera.batch\r\n\r\n`);
    }
    while (asked < 8) await new Promise(setImmediate);
    const { headers, body } = await wire.send({ path, headers: { accept: 'application/vnd.rotera.batch' } });
    t.ok(body.length < whole, 'less than without them');
    t.equal(headers['rotera-up-to-date'], 'false');
    const open = (): Promise<number> => new Promise((resolve) => wire.app.server.getConnections((_, n) => resolve(n)));
    // The one that asks may keep its own.
    while ((await open()) > 1) await new Promise(setImmediate);
    const counted = /^rotera_dropped_connections_total\{reason="stalled"\} (\d+)$/m;
    t.ok(Number(counted.exec(String((await wire.send({ path: '/metrics' })).body))?.[1]) >= 1);
    t.equal((await wire.send({ path, headers: { accept: 'application/vnd.rotera.batch' } })).body.length, whole);
  });

  t.test('a connection that says nothing is closed', async (t) => {
    const wire = await startListening(t, { limits: { idleMs: 300, keepAliveMs: 300 } });
    const silent = await RawConnection.to(wire.port);
    const kept = await RawConnection.to(wire.port);
    kept.socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    for (const { ended } of await Promise.all(
      [silent, kept].map(async (one) => one.until(() => false).then(() => one)),
    ))
      t.ok(ended);
    t.equal(kept.answers[0]?.status, 200);
    for (const { socket } of [silent, kept]) socket.destroy();
  });

  t.test('a head that is too large is 431, an URL that is too long 414, a body 413', async (t) => {
    const wire = await startListening(t);
    await makeQueue(wire);
    const refused: ReadonlyArray<readonly [bytes: string, status: number, code: string]> = [
      [`GET /queues HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(17_000)}\r\n\r\n`, 431, 'headers_too_large'],
      [`GET /queues?${'y'.repeat(17_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 414, 'uri_too_long'],
      [`${HEAD}Content-Length: ${17 * MIB + 1}\r\n\r\n`, 413, 'push_too_large'],
    ];
    for (const [bytes, status, code] of refused)
      t.match((await exchange(wire.port, bytes, 2)).answers, [{ status, code }]);
  });

  t.test('the largest message goes through, and one byte more does not', async (t) => {
    const wire = await startListening(t);
    const most = 16 * MIB;
    const queue = await makeQueue(wire, { maxBytes: 2 * most, maxMessageBytes: most });
    const body = Buffer.alloc(most + 1, 'x');
    const push = { method: 'POST', path: '/queues/q/messages' } as const;
    t.equal((await wire.send({ ...push, body: body.subarray(1) })).status, 200);
    isProblem(t, await wire.send({ ...push, body }), 413, 'message_too_large');
    const { headers, body: read } = await wire.send({ path: '/queues/q/messages/0' });
    t.strictSame([headers['content-length'], read.length], [String(most), most]);
    t.equal(queue.next, 1);
  });

  t.test('a frame that is too large closes the socket with 1009', async (t) => {
    const wire = await startListening(t, { limits: { maxPushBytes: 1000 } });
    const queue = await makeQueue(wire);
    for (const path of ['/queues/q/push', '/queues/q/tail']) {
      const peer = await wire.open(path);
      peer.send('x'.repeat(1001));
      t.equal((await peer.closed()).code, 1009, path);
    }
    t.equal(queue.next, 0);
  });

  t.test('a WebSocket that answers no ping is cut, one that does is not', async (t) => {
    const wire = await startListening(t, { limits: { heartbeatMs: 50 } });
    await makeQueue(wire);
    const alive = await openTail(wire);
    const silent = new WebSocket(`ws://127.0.0.1:${wire.port}/queues/q/tail`, { autoPong: false });
    t.teardown(() => silent.terminate());
    const code = await new Promise((resolve) => silent.on('close', resolve));
    t.equal(code, 1006);
    await pushEach(wire.queues.get('q'), 'a');
    t.strictSame(await alive.texts(1), ['a']);
  });

  t.test('a WebSocket that takes something, however slowly, is not cut; one that takes nothing is', async (t) => {
    const wire = await startListening(t, { limits: { heartbeatMs: 100, stalledMs: 4000 } });
    const queue = await makeQueue(wire, { maxBytes: 64 * MIB, maxMessageBytes: 16 * MIB });
    await queue.push(batchOf([Buffer.alloc(16 * MIB, 'x')]));
    const [slow, stalled] = await Promise.all(
      [1, 2].map(() => RawConnection.to(wire.port).then(({ socket }) => socket.pause())),
    );
    let taken = 0;
    for (const socket of [slow, stalled]) socket?.write(`${UPGRADE}\r\n`);
    slow?.on('data', ({ length }) => {
      taken += length;
      slow.pause();
      setTimeout(() => slow.resume(), length / 10_000);
    });
    slow?.resume();
    while (taken < 16 * MIB && slow?.destroyed === false) await sleep(50);
    t.ok(taken > 16 * MIB, `${taken} bytes`);
    while (wire.app.websocketServer.clients.size > 0) await sleep(50);
    for (const socket of [slow, stalled]) socket?.destroy();
  });

  t.test('pings do not pile up for one that reads nothing and says that it is there', async (t) => {
    const wire = await startListening(t, { limits: { heartbeatMs: 100 } });
    const queue = await makeQueue(wire, { maxBytes: 64 * MIB });
    const tail = await RawSocket.open(wire.port, '/queues/q/tail');
    const pongs = setInterval(() => tail.send(frame(OPCODE.pong)), 10);
    tail.connection.socket.pause();
    for (let i = 0; i < 40; i++) await queue.push(batchOf([Buffer.alloc(MIB, 'x')]));
    await sleep(200);
    const before = held(wire);
    t.ok(before > 0);
    await sleep(1000);
    t.equal(held(wire), before);
    clearInterval(pongs);
    tail.connection.socket.destroy();
  });

  t.test('a client that takes no events is cut', async (t) => {
    const wire = await startListening(t, { limits: { stalledMs: 2000 } });
    const queue = await makeQueue(wire, { maxBytes: 64 * MIB });
    await queue.push(batchOf(Array.from({ length: 60 }, () => Buffer.alloc(MIB / 2, 'x'))));
    const reader = await wire.events('/queues/q/tail?from=0');
    const stalled = connect({ port: wire.port, host: '127.0.0.1' }).pause();
    t.teardown(() => stalled.destroy());
    stalled.write('GET /queues/q/tail?from=0 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    t.equal((await reader.messages(60)).length, 60, 'the others are not held up');
    while ((await wire.send({ path: '/queues/q' })).json['tails'] !== 1) await new Promise(setImmediate);
  });

  t.test('a tail that is not read costs one piece of memory', async (t) => {
    const wire = await startListening(t);
    const queue = await makeQueue(wire, { maxBytes: 64 * MIB });
    const stalled = await Promise.all(
      ['rotera.v1', 'rotera.batch.v1'].map((protocol) => openTail(wire, '?from=0', protocol)),
    );
    for (const { peer } of stalled) peer.socket.pause();
    const reader = await openTail(wire, '?from=0');
    let most = 0;
    for (let i = 0; i < 60; i++) {
      await queue.push(batchOf(Array.from({ length: 64 }, () => Buffer.alloc(8192, 'x'))));
      most = Math.max(most, held(wire));
    }
    t.equal((await reader.texts(60 * 64)).length, 60 * 64);
    // A piece is at most 256 KiB of payload: 1 MiB of it as text at the very most, for each of three.
    t.ok(most < 3 * MIB, `${most} bytes`);
    for (const tail of stalled) {
      tail.peer.socket.resume();
      t.equal((await tail.texts(60 * 64)).length, 60 * 64, 'it is fed from the file when it reads again');
    }
  });

  t.test('a pusher that reads no answers is no longer listened to', async (t) => {
    const wire = await startListening(t);
    const queue = await makeQueue(wire);
    const peer = await wire.open('/queues/q/push');
    peer.socket.pause();
    const frames = 200_000;
    for (let i = 0; i < frames; i++) peer.send('x');
    // It comes to rest when the answers fill the connection: nothing is stored from then on.
    let before = -1;
    while (before !== queue.next) {
      before = queue.next;
      await new Promise((resolve) => setTimeout(resolve, 500));
      t.ok(held(wire) < MIB, `${held(wire)} bytes held`);
    }
    peer.socket.resume();
    let last = '';
    for (let i = 0; i < frames; i++) last = String(await peer.next());
    t.match(JSON.parse(last), { next: frames });
  });

  t.test('a request whose client leaves in the middle leaves nothing', async (t) => {
    const wire = await startListening(t);
    const queue = await makeQueue(wire);
    await pushNumbered(queue, 0, 1);
    const cut = await RawConnection.to(wire.port);
    cut.socket.end(`${HEAD}Content-Length: 5\r\n\r\nab`);
    await cut.until(() => false);
    t.match(cut.answers, [{ status: 400, code: 'bad_parameter' }]);
    const waiting = await RawConnection.to(wire.port);
    waiting.socket.write('GET /queues/q/messages?from=next&wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    waiting.socket.destroy();
    t.equal((await wire.send({ path: '/queues/q' })).json['next'], 1);
  });
}
