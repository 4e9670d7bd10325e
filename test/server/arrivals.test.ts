import t, { type Test } from 'tap';
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
async function begin(t: Test, wire: RealWire, length: number, bytes: number): Promise<RawConnection> {
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
  const head = `POST /queues/q/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`;
  connection.socket.write(head + 'x'.repeat(bytes));
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

t.test('a body in very many pieces counts as more than its bytes', async (t) => {
  const wire = await start(t);
  const { queue } = await wire.queues.create('q', SMALL);
  const pieces = await connectTo(t, wire);
  pieces.socket.write('POST /queues/q/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
  pieces.socket.write('1\r\nx\r\n'.repeat(5000));
  await wire.send({ path: '/queues/q' });
  const comes = await begin(t, wire, 1000, 10);
  await pieces.until(() => pieces.ended);
  t.match(pieces.answers, [{ status: 503, code: 'overloaded' }]);
  t.equal((await finish(comes, 990))?.status, 200);
  t.equal(queue.next, 1);
  isProblem(t, await wire.send({ method: 'POST', path: '/queues/q/messages' }), 400, 'empty_body');
});

const message = (bytes: number, fin: boolean): Buffer => frame(OPCODE.binary, Buffer.alloc(bytes, 'x'), { fin });

t.test('a message of a WebSocket that is never finished is cut, whatever comes between', async (t) => {
  const wire = await startListening(t, { limits: { requestMs: 800, heartbeatMs: 50 } });
  const { queue } = await wire.queues.create('q', SMALL);
  const socket = await RawSocket.open(wire.port, '/queues/q/push');
  const idle = await wire.open('/queues/q/push');
  socket.send(message(10_000, false));
  const pongs = setInterval(() => socket.send(frame(OPCODE.pong, 'here')), 40);
  await socket.connection.until(() => socket.connection.ended);
  clearInterval(pongs);
  t.strictSame(
    [socket.closeCode, socket.payloads(OPCODE.close).map((text) => text.slice(2))],
    [1008, ['request_timeout']],
  );
  idle.send('one');
  t.match(await idle.json(), { first: 0 }, 'one that only answers pings is not');
  t.equal(queue.next, 1);
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
