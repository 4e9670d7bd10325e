import t, { type Test } from 'tap';
import { RawConnection } from '../support/raw.js';
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
