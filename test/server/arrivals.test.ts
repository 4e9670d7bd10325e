import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import type { WebSocket } from 'ws';
import { wireOf } from '../../src/server/frames.js';
import { RawConnection } from '../support/raw.js';
import { frame, OPCODE, RawSocket } from '../support/raw-frames.js';
import { isProblem } from '../support/server.js';
import { type RealWire, startListening } from '../support/wire.js';

const MOST = 200_000;
const SMALL = { maxBytes: 1_000_000, reserve: false };

const start = (t: Test): Promise<RealWire> => startListening(t, { limits: { maxArrivingBytes: MOST } });

async function connectTo(t: Test, { port }: RealWire): Promise<RawConnection> {
  const connection = await RawConnection.to(port);
  t.teardown(() => connection.socket.destroy());
  return connection;
}

/** Begins a push, and sends so much of its body as the server then has. */
const begin = (t: Test, wire: RealWire, length: number, bytes: number): Promise<RawConnection> =>
  sendTaken(t, wire, `POST /queues/q/messages HTTP/1.1\r\nContent-Length: ${length}`, 'x'.repeat(bytes), bytes);

/** Sends a head and some of a body, which is so many bytes to the server. Resolves when it has taken them. */
async function sendTaken(t: Test, wire: RealWire, head: string, sent: string, bytes: number): Promise<RawConnection> {
  const connection = await connectTo(t, wire);
  const came = new Promise<void>((resolve) => {
    wire.app.server.once('request', (request) => {
      let left = bytes;
      request.on('data', ({ length }: Buffer) => {
        left -= length;
        if (left === 0) resolve();
      });
    });
  });
  connection.socket.write(`${head}\r\nHost: localhost\r\n\r\n${sent}`);
  await came;
  return connection;
}

async function finish(connection: RawConnection, bytes: number): Promise<RawConnection['answers'][0] | undefined> {
  connection.socket.write('x'.repeat(bytes));
  await connection.until(() => connection.answers.length > 0);
  return connection.answers[0];
}

t.test('when too much arrives at once, the body that began first is refused', async (t) => {
  const wire = await start(t);
  const { queue } = await wire.queues.create('q', SMALL);
  for (const [first, second] of [
    [120_000, 30_000],
    [60_000, 130_000],
  ] as const) {
    const stands = await begin(t, wire, 160_000, first);
    const comes = await begin(t, wire, 160_000, second);
    t.strictSame([stands.answers, comes.answers], [[], []], 'there is room for both');
    const { next } = queue;
    t.equal((await finish(comes, 160_000 - second))?.status, 200);
    t.equal(queue.next, next + 1);
    await stands.until(() => stands.ended);
    t.match(stands.answers, [
      { status: 503, code: 'overloaded', headers: { 'retry-after': '1', connection: 'close' } },
    ]);
  }
  const push = { method: 'POST', path: '/queues/q/messages' } as const;
  const all = [90_000, 90_000].map((length) => begin(t, wire, length, length));
  for (const connection of await Promise.all(all)) t.equal((await finish(connection, 0))?.status, 200);
  const alone = { ...push, body: Buffer.alloc(2 * MOST, 'x') };
  t.equal((await wire.send(alone)).status, 200, 'a single one may be longer');
});

/** Bytes of memory that are in use, of JavaScript and of buffers. */
function used(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

t.test('a body in very many pieces takes memory in proportion to its bytes', async (t) => {
  const wire = await start(t);
  const { queue } = await wire.queues.create('q', SMALL);
  const chunked = 'POST /queues/q/messages HTTP/1.1\r\nTransfer-Encoding: chunked';
  await sendTaken(t, wire, chunked, '1\r\nx\r\n', 1);
  const before = used();
  const pieces = await sendTaken(t, wire, chunked, '1\r\nx\r\n'.repeat(100_000), 100_000);
  t.ok(used() - before < 5_000_000, 'no object is kept for each');
  const comes = await begin(t, wire, 1000, 10);
  t.equal((await finish(comes, 990))?.status, 200);
  pieces.socket.write('0\r\n\r\n');
  await pieces.until(() => pieces.answers.length > 0);
  t.match(pieces.answers, [{ status: 200 }], 'nor is it refused for its form');
  t.equal(queue.next, 2);
  isProblem(t, await wire.send({ method: 'POST', path: '/queues/q/messages' }), 400, 'empty_body');
});

t.test('a body that nobody looks at takes no room from pushes, and is bounded all the same', async (t) => {
  for (const corsOrigins of [[], ['https://page.example']]) {
    const limits = { maxArrivingBytes: MOST, maxPushBytes: MOST, slowBodyMs: 400 };
    const wire = await startListening(t, { limits, corsOrigins });
    await wire.queues.create('q', SMALL);
    for (const line of ['OPTIONS /queues/q', 'OPTIONS /none', 'POST /none']) {
      const head = `${line} HTTP/1.1\r\nContent-Length: ${MOST}`;
      const stands = await begin(t, wire, 160_000, 150_000);
      const passed = await sendTaken(t, wire, head, 'x'.repeat(MOST - 1), MOST - 1);
      t.equal((await finish(stands, 10_000))?.status, 200, line);
      const { status, code } = (await finish(passed, 1)) ?? {};
      t.ok(code === 'method_not_allowed' || code === 'not_found', `${status} ${code}`);
      const tooLong = await connectTo(t, wire);
      tooLong.socket.write(`${line} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n`);
      tooLong.socket.write(`30d41\r\n${'x'.repeat(MOST + 1)}\r\n`);
      await tooLong.until(() => tooLong.ended);
      t.match(tooLong.answers, [{ status: 413, code: 'push_too_large' }]);
      const slow = await sendTaken(t, wire, head, 'x', 1);
      await slow.until(() => slow.ended);
      t.match(slow.answers, [{ status: 408, code: 'request_timeout' }]);
    }
  }
});

/** The code with which the server has closed it, and what it says. */
const refusalOf = (socket: RawSocket): [code: number | undefined, reasons: string[]] => [
  socket.closeCode,
  socket.payloads(OPCODE.close).map((text) => text.slice(2)),
];

const message = (bytes: number, fin: boolean): Buffer => frame(OPCODE.binary, Buffer.alloc(bytes, 'x'), { fin });

t.test('a message of a WebSocket that is never finished is cut, whatever comes between', async (t) => {
  const wire = await startListening(t, { limits: { requestMs: 800, heartbeatMs: 50 } });
  const { queue } = await wire.queues.create('q', SMALL);
  const idle = await wire.open('/queues/q/push');
  const behindAnother = Buffer.concat([message(10, true), message(10, false)]);
  for (const bytes of [message(10_000, false), behindAnother, message(0, false)]) {
    const socket = await RawSocket.open(wire.port, '/queues/q/push');
    socket.send(bytes);
    const pongs = setInterval(() => socket.send(frame(OPCODE.pong, 'here')), 40);
    await socket.connection.until(() => socket.connection.ended);
    clearInterval(pongs);
    t.strictSame(refusalOf(socket), [1008, ['request_timeout']]);
    socket.connection.socket.destroy();
  }
  idle.send('one');
  t.match(await idle.json(), { first: 1 }, 'one that only answers pings is not');
  t.equal(queue.next, 2);
});

t.test('a frame that comes slowly is not cut as silent', async (t) => {
  const wire = await startListening(t, { limits: { heartbeatMs: 200 } });
  await wire.queues.create('q', SMALL);
  const socket = await RawSocket.open(wire.port, '/queues/q/push');
  const bytes = message(100, true);
  for (let at = 0; at < bytes.length && !socket.connection.ended; at += 4) {
    socket.send(bytes.subarray(at, at + 4));
    await setTimeout(60);
  }
  await socket.connection.until(() => socket.payloads(OPCODE.text).length > 0);
  t.match(JSON.parse(socket.payloads(OPCODE.text)[0] ?? '{}'), { first: 0 });
  socket.connection.socket.destroy();
});

/** Sends bytes. Resolves when the server has taken them. @param size of the pieces in which it takes them; as it comes without */
async function sendAll(socket: RawSocket, wire: RealWire, bytes: Buffer, size = bytes.length): Promise<void> {
  const server = wireOf([...wire.app.websocketServer.clients].at(-1) as WebSocket);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    const enough = server.bytesRead + piece.length;
    socket.send(piece);
    while (server.bytesRead < enough && !server.destroyed) await nextTurn();
  }
}

const fragments = (count: number, between = ''): Buffer =>
  Buffer.concat(
    Array.from({ length: count }, (_, i) =>
      Buffer.concat([
        frame(i === 0 ? OPCODE.binary : OPCODE.continuation, 'x', { fin: false }),
        ...(between === '' ? [] : Array.from({ length: 450 }, () => frame(OPCODE.pong, between))),
      ]),
    ),
  );

t.test('a message of a WebSocket counts as much as it takes', async (t) => {
  const wire = await start(t);
  await wire.queues.create('q', SMALL);
  const long = message(MOST - 1000, true);
  const cases: ReadonlyArray<readonly [name: string, path: string, bytes: Buffer, size?: number]> = [
    ['in many fragments', 'push', fragments(2000)],
    ['in many fragments, to a tail', 'tail', fragments(2000)],
    ['in many pieces of the wire', 'push', long.subarray(0, 600), 1],
    ['with much between its fragments', 'push', fragments(5, 'x'.repeat(125))],
    ['behind another', 'push', Buffer.concat([message(10, true), long.subarray(0, MOST - 2000)])],
  ];
  for (const [name, path, bytes, size] of cases) {
    const socket = await RawSocket.open(wire.port, `/queues/q/${path}`);
    await sendAll(socket, wire, bytes, size);
    t.equal(socket.connection.ended, false, `${name}: a single one may be longer`);
    const comes = await begin(t, wire, 10_000, 5000);
    t.equal((await finish(comes, 5000))?.status, 200);
    await socket.connection.until(() => socket.connection.ended);
    t.strictSame(refusalOf(socket), [1008, ['overloaded']], name);
    socket.connection.socket.destroy();
  }
});

t.test('nor is there no bound for a single message of a WebSocket', async (t) => {
  const wire = await startListening(t, { limits: { maxArrivingBytes: MOST, maxPushBytes: MOST } });
  await wire.queues.create('q', SMALL);
  const socket = await RawSocket.open(wire.port, '/queues/q/push');
  socket.send(fragments(10, 'x'.repeat(125)));
  await socket.connection.until(() => socket.connection.ended);
  t.strictSame(refusalOf(socket), [1008, ['overloaded']]);
  socket.connection.socket.destroy();
});

t.test('messages of WebSockets count among what arrives', async (t) => {
  const wire = await start(t);
  const { queue } = await wire.queues.create('q', SMALL);
  const stands = await RawSocket.open(wire.port, '/queues/q/push');
  stands.send(message(150_000, false));
  const comes = await begin(t, wire, 1000, 10);
  t.equal((await finish(comes, 990))?.status, 200, 'there is room');
  const socket = await RawSocket.open(wire.port, '/queues/q/push');
  for (let i = 0; i < 20; i++) socket.send(message(60_000, true));
  await socket.connection.until(() => socket.payloads(OPCODE.text).length === 20);
  t.equal(queue.next, 21, 'those that are whole count no more');
  socket.send(message(150_000, false));
  await stands.connection.until(() => stands.connection.ended);
  t.not(stands.connection.ended, false);
  socket.send(frame(OPCODE.continuation, 'x'));
  await socket.connection.until(() => socket.payloads(OPCODE.text).length === 21);
  t.equal(queue.next, 22);
  socket.connection.socket.destroy();
});

t.test('a tail takes in no more than an acknowledgement is long', async (t) => {
  const wire = await startListening(t);
  await wire.queues.create('q', SMALL);
  const socket = await RawSocket.open(wire.port, '/queues/q/tail');
  socket.send(message(5000, false));
  await socket.connection.until(() => socket.closeCode !== undefined);
  t.equal(socket.closeCode, 1009);
  socket.connection.socket.destroy();
  const pushes = await wire.open('/queues/q/push');
  pushes.send('x'.repeat(5000));
  t.match(await pushes.json(), { first: 0 }, 'a socket of pushes beside it takes more');
});
