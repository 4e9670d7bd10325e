import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { batchOf } from '../../src/batch.js';
import type { Queue } from '../../src/queue/queue.js';
import { MIB, pushTexts, SMALL } from '../support/queues.js';
import { RawConnection } from '../support/raw.js';
import { type RealWire, startListening, type WireOptions } from '../support/wire.js';

const get = (path: string, headers = '', method = 'GET'): string =>
  `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
const push = (body: string): string =>
  `${get('/queues/q/messages', `Content-Length: ${body.length}\r\n`, 'POST')}${body}`;
const READ = '/queues/q/messages';
/** As much as a read can bring. */
const WHOLE = `${READ}?from=0&limit=256&maxBytes=16777216`;
const BINARY = 'Accept: application/vnd.rotera.batch\r\n';

interface Given {
  readonly wire: RealWire;
  readonly queue: Queue;
  /** How often the queue was read. */
  readonly reads: () => number;
}

async function start(t: Test, limits = SMALL, options: WireOptions = {}): Promise<Given> {
  const wire = await startListening(t, options);
  const { queue } = await wire.queues.create('q', limits);
  let reads = 0;
  const read = queue.read.bind(queue);
  queue.read = (options) => {
    reads++;
    return read(options);
  };
  return { wire, queue, reads: () => reads };
}

/** The same with 16 MiB in the queue. */
async function startFull(t: Test): Promise<Given> {
  const given = await start(t, { maxBytes: 64 * MIB, reserve: false });
  await given.queue.push(batchOf(Array.from({ length: 256 }, () => Buffer.alloc(MIB / 16, 'x'))));
  return given;
}

async function open(t: Test, { port }: RealWire): Promise<RawConnection> {
  const connection = await RawConnection.to(port);
  t.teardown(() => connection.socket.destroy());
  return connection;
}

/** Sends bytes, and resolves when the server has begun with so many requests. */
async function send({ app: { server } }: RealWire, socket: Socket, bytes: string, requests: number): Promise<void> {
  let left = requests;
  const all = new Promise<void>((resolve) => server.on('request', () => --left === 0 && resolve()));
  socket.write(bytes);
  await all;
}

t.test('what is asked for behind a stream does not take from others what they may read', async (t) => {
  const { wire, reads } = await startFull(t);
  const whole = (await wire.send({ path: WHOLE })).body.length;
  const { socket } = await open(t, wire);
  await send(wire, socket, get('/queues/q/tail') + get(WHOLE, BINARY).repeat(12), 13);
  const before = reads();
  t.equal((await wire.send({ path: WHOLE })).body.length, whole);
  t.ok(reads() <= before + 2, 'what is read is for the stream and for the other');
});

t.test('many reads of one client do not stand before those of others', async (t) => {
  const { wire, reads } = await startFull(t);
  const { socket } = await open(t, wire);
  socket.pause();
  await send(wire, socket, get(WHOLE, BINARY).repeat(100), 100);
  t.equal((await wire.send({ path: `${READ}?limit=1` })).status, 200);
  t.equal(reads(), 2, 'the first of them, and the other');
});

t.test('answers come in the order of the requests, whatever they are', async (t) => {
  const { wire, queue } = await start(t);
  await pushTexts(queue, 'a');
  const connection = await open(t, wire);
  const tag = `If-None-Match: "${queue.epoch}:0"\r\n`;
  connection.socket.write(
    [
      get('/healthz'),
      get(`${READ}/0`, tag),
      push('b'),
      get(`${READ}?from=oldest`),
      get('/queues/none'),
      get('/queues/made', 'Content-Length: 2\r\n', 'PUT'),
      '{}',
      get('/queues/made'),
      push('c'),
      get(`${READ}?limit=0`),
      get('/nothing'),
      get(READ, '', 'OPTIONS'),
      get(`${READ}/1`),
      get('/', 'Connection: close\r\n', 'HEAD'),
    ].join(''),
  );
  await connection.until(() => false);
  const heads = connection.heard.toString().match(/HTTP\/1.1 \d+/g);
  t.strictSame(
    heads?.map((line) => Number(line.slice(-3))),
    [200, 304, 200, 200, 404, 201, 200, 200, 400, 404, 405, 200, 200],
  );
});

t.test('a read behind a push sees what it has stored', async (t) => {
  const { wire } = await start(t);
  const connection = await open(t, wire);
  connection.socket.write(get('/healthz') + push('a') + push('b') + get(`${READ}?from=oldest`));
  await connection.until(() => connection.answers.length === 4);
  t.strictSame(
    JSON.parse(connection.answers[3]!.body).messages.map(({ data }: { data: string }) => data),
    ['a', 'b'],
  );
});

t.test('pushes behind each other are stored together', async (t) => {
  const { wire, queue } = await start(t);
  let pushes = 0;
  let release = (): void => undefined;
  const all = new Promise<void>((resolve) => {
    release = resolve;
  });
  const pushOne = queue.push.bind(queue);
  queue.push = async (...words) => {
    if (++pushes === 300) release();
    await all;
    return pushOne(...words);
  };
  const connection = await open(t, wire);
  connection.socket.write(get('/healthz') + push('a').repeat(300));
  await connection.until(() => connection.answers.length === 301);
  t.equal(queue.next, 300);
});

t.test('a read that waits behind a long answer has its own time', async (t) => {
  const { wire, queue } = await start(t, SMALL, { limits: { untakenMs: 500 } });
  await pushTexts(queue, 'x'.repeat(100_000));
  const connection = await open(t, wire);
  connection.socket.write(get(`${READ}?from=0`) + get(`${READ}?from=next&wait=1`));
  await connection.until(() => connection.answers.length === 2);
  t.strictSame(
    connection.answers.map(({ status }) => status),
    [200, 200],
  );
});

t.test('what waited on a connection that has ended is not begun', async (t) => {
  const { wire, reads } = await start(t);
  const accepted = once(wire.app.server, 'connection') as Promise<[Socket]>;
  const { socket } = await open(t, wire);
  const [server] = await accepted;
  await send(wire, socket, get(`${READ}?wait=60&from=next`) + get('/queues/q/tail') + get(READ), 3);
  const closed = once(server, 'close');
  socket.destroy();
  await closed;
  const { json } = await wire.send({ path: '/queues/q' });
  t.equal(json['tails'], 0);
  t.ok(reads() <= 2, 'the first looks again when it ends');
});

for (const [what, some] of Object.entries({
  'reads that wait': get(`${READ}?wait=60&from=next&to=1`).repeat(10),
  'requests and pushes': get('/healthz').repeat(9) + push('a'),
}))
  t.test(`of many ${what} behind each other only some are taken in at a time`, async (t) => {
    const COUNT = 5000;
    const { wire, queue } = await start(t);
    const { server } = wire.app;
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const client = connect(wire.port, '127.0.0.1');
    t.teardown(() => client.destroy());
    const heard = client.toArray();
    const [socket] = await accepted;
    let taken = 0;
    const all = new Promise<void>((resolve) =>
      server.on('request', (request) => {
        if (request.socket === socket && ++taken === COUNT) resolve();
      }),
    );
    client.write(get(`${READ}?wait=60&from=next`) + some.repeat(COUNT / 10) + get('/healthz', 'Connection: close\r\n'));
    await Promise.race([once(socket, 'pause'), all]);
    // The server has time to take in more.
    for (let i = 0; i < 5; i++) await wire.send({ path: '/healthz' });
    const most = 1000 + (2 * 64 * 1024 * 10) / some.length;
    t.ok(taken <= most, `${taken} of at most ${most}`);
    await pushTexts(queue, 'a');
    const answers =
      Buffer.concat(await heard)
        .toString('latin1')
        .split('HTTP/1.1 200 OK').length - 1;
    t.equal(answers, COUNT + 2, 'and all are answered');
  });
