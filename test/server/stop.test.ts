import { once } from 'node:events';
import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import t from 'tap';
import { batchOf } from '../../src/batch.js';
import { certificate, withoutOpenssl } from '../support/certificate.js';
import { MIB, pushTexts, readFrom, texts } from '../support/queues.js';
import { RawConnection } from '../support/raw.js';
import { isProblem, sendOverHttp, startServer } from '../support/server.js';
import { tailOverEvents, tailOverWebSocket } from '../support/tails.js';
import { startListening } from '../support/wire.js';

const LIMITS = { maxBytes: 100_000, reserve: false };

t.test('tails are told that the server stops, after all that was pushed', async (t) => {
  const { app, queues, url } = await startServer(t);
  const { queue } = await queues.create('q', LIMITS);
  const sockets = await tailOverWebSocket(t, url, '/queues/q/tail?from=oldest');
  const events = await tailOverEvents(t, url, '/queues/q/tail?from=oldest');
  await pushTexts(queue, 'a', 'b');
  await Promise.all([sockets.received(2), events.received(2)]);
  const closed = app.close();
  t.equal(await sockets.ended(), 1001);
  t.equal(await events.ended(), 0);
  for (const tail of [sockets, events]) {
    t.strictSame(
      tail.messages.map(({ data }) => data),
      ['a', 'b'],
    );
    t.strictSame(tail.frames.at(-1), { type: 'draining' });
  }
  await closed;
});

t.test('a read that waits is answered at once', async (t) => {
  const { app, queues, send } = await startServer(t);
  const { queue } = await queues.create('q', LIMITS);
  let waits: () => void = () => undefined;
  const waiting = new Promise<void>((resolve) => {
    waits = resolve;
  });
  const { waitFor } = queue;
  queue.waitFor = (id, signal) => {
    waits();
    return waitFor.call(queue, id, signal);
  };
  const poll = send({ path: '/queues/q/messages?wait=60' });
  await waiting;
  const closed = app.close();
  const answer = await poll;
  t.equal(answer.status, 200);
  t.match(answer.json, { messages: [], next: 0 });
  t.equal(answer.headers['connection'], 'close');
  await closed;
});

t.test('a push that waits for the disk is finished and answered', async (t) => {
  const { app, queues, send } = await startServer(t);
  const { queue } = await queues.create('q', LIMITS);
  let pushes: () => void = () => undefined;
  const pushing = new Promise<void>((resolve) => {
    pushes = resolve;
  });
  const push = queue.push.bind(queue) as (...words: unknown[]) => Promise<never>;
  queue.push = (...words: unknown[]) => {
    pushes();
    return push(...words);
  };
  const answered = send({ method: 'POST', path: '/queues/q/messages', body: 'hello' });
  await pushing;
  const closed = app.close();
  const answer = await answered;
  t.equal(answer.status, 200);
  t.equal(answer.headers['connection'], 'close');
  await closed;
  t.strictSame(texts(readFrom(queue, 0)), ['hello']);
});

t.test('an answer that is on its way is taken whole, and its connection closed then', async (t) => {
  const { app, queues, url } = await startServer(t);
  const { queue } = await queues.create('q', { maxBytes: 64 * MIB, reserve: false });
  await queue.push(batchOf(Array.from({ length: 256 }, () => Buffer.alloc(MIB / 16, 'x'))));
  const asked = once(app.server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
  const { hostname, port } = new URL(url);
  const client = connect(Number(port), hostname);
  t.teardown(() => client.destroy());
  client.write(
    'GET /queues/q/messages?from=0&limit=256&maxBytes=16777216 HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.rotera.batch\r\n\r\n',
  );
  const [, response] = await asked;
  if (!response.writableEnded) await once(response, 'prefinish');
  let all: Promise<Buffer[]> | undefined;
  const { close } = app.server;
  app.server.close = (done) => {
    const server = close.call(app.server, done);
    all = client.toArray();
    return server;
  };
  await app.close();
  const [head = '', body = ''] = Buffer.concat((await all) ?? [])
    .toString('latin1')
    .split('\r\n\r\n');
  t.equal(body.length, Number(/content-length: (\d+)/.exec(head)?.[1]));
});

t.test('pushes behind each other on a connection are all answered', async (t) => {
  let release = (): void => undefined;
  const { app, queues, url } = await startServer(t, {
    // Runs behind the server's own hook.
    prepare: (app) => app.addHook('preClose', async () => release()),
  });
  const { queue } = await queues.create('q', LIMITS);
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let pushing = 0;
  const push = queue.push.bind(queue);
  const allPush = new Promise<void>((resolve) => {
    queue.push = async (...words) => {
      if (++pushing === 3) resolve();
      await released;
      return push(...words);
    };
  });
  const connection = await RawConnection.to(Number(new URL(url).port));
  t.teardown(() => connection.socket.destroy());
  connection.socket.write(
    'POST /queues/q/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx'.repeat(3),
  );
  await allPush;
  const closed = app.close();
  await connection.until(() => false);
  t.strictSame(
    connection.answers.map(({ status, headers }) => [status, headers['connection']]),
    [
      [200, 'keep-alive'],
      [200, 'keep-alive'],
      [200, 'close'],
    ],
  );
  await closed;
});

t.test('a push whose body is still to come is finished, not cut off', async (t) => {
  const { app, queues, url } = await startServer(t);
  const { queue } = await queues.create('q', LIMITS);
  const headers = { 'content-length': 5, expect: '100-continue' };
  const push: ClientRequest = request(`${url}/queues/q/messages`, { method: 'POST', headers });
  const answered = once(push, 'response') as Promise<[IncomingMessage]>;
  push.flushHeaders();
  // The server has taken the request when it asks for the body.
  await once(push, 'continue');
  const closed = app.close();
  push.end('hello');
  const [answer] = await answered;
  t.equal(answer.statusCode, 200);
  answer.resume();
  await closed;
  t.strictSame(texts(readFrom(queue, 0)), ['hello']);
});

t.test('a new request is refused while the server stops', async (t) => {
  let stopping = async (): Promise<void> => undefined;
  const { app, queues, url } = await startServer(t, {
    // Runs behind the server's own hook, when it still listens.
    prepare: (app) => app.addHook('preClose', () => stopping()),
  });
  const { queue } = await queues.create('q', LIMITS);
  stopping = async () => {
    const send = sendOverHttp(url);
    isProblem(t, await send({ method: 'POST', path: '/queues/q/messages', body: 'x' }), 503, 'draining');
    isProblem(t, await send({ path: '/queues/q' }), 503, 'draining');
    isProblem(t, await send({ path: '/queues/q/tail' }), 503, 'draining');
  };
  await app.close();
  t.equal(queue.next, 0);
});

t.test('a connection that asks for nothing does not hold up the server', async (t) => {
  let silent: Socket | undefined;
  let cut: boolean | undefined;
  const { app, url } = await startServer(t, {
    prepare: (app) => {
      app.server.on('connection', (socket) => {
        silent = socket;
      });
      // Runs behind the server's own hook.
      app.addHook('preClose', async () => {
        cut = silent?.destroyed;
      });
    },
  });
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  t.teardown(() => socket.destroy());
  await Promise.all([once(socket, 'connect'), once(app.server, 'connection')]);
  await Promise.all([once(socket.resume(), 'close'), app.close()]);
  t.equal(cut, true);
});

/** Resolves to what a promise does, or to undefined when it is not done yet. */
const doneAtOnce = <T>(promise: Promise<T>): Promise<T | undefined> =>
  Promise.race([promise, new Promise<undefined>((resolve) => setImmediate(resolve, undefined))]);

t.test('with TLS, what is under way is finished as well', { skip: withoutOpenssl }, async (t) => {
  const directory = t.testdir({ certificate: {}, rots: {} });
  const tls = certificate(`${directory}/certificate`);
  const wire = await startListening(t, { directory: `${directory}/rots`, tls });
  const { app, queues, send } = wire;
  const { queue } = await queues.create('q', LIMITS);
  const socket = await wire.open('/queues/q/tail');
  const events = await wire.events('/queues/q/tail');
  const pusher = await wire.open('/queues/q/push');

  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let waiting = 0;
  const [push, waitFor] = [queue.push.bind(queue), queue.waitFor.bind(queue)];
  const bothWait = new Promise<void>((resolve) => {
    const one = (): void => {
      waiting++;
      if (waiting === 3) resolve();
    };
    queue.push = (async (...words: Parameters<typeof push>) => {
      one();
      await released;
      return push(...words);
    }) as typeof queue.push;
    queue.waitFor = (id, signal) => {
      one();
      return waitFor(id, signal);
    };
  });
  const poll = send({ path: '/queues/q/messages?wait=60' });
  const pushed = send({ method: 'POST', path: '/queues/q/messages', body: 'hello' });
  pusher.send('frame');
  await bothWait;

  t.equal(await doneAtOnce(app.stopAccepting().then(() => true)), true, 'every connection has asked for something');
  const closed = app.close();
  const answer = await poll;
  t.strictSame([answer.status, answer.headers['connection']], [200, 'close']);
  release();
  t.equal((await pushed).status, 200);
  t.match(await pusher.json(), { next: Number, duplicate: false });
  t.equal((await pusher.closed()).code, 1001);
  t.ok(await socket.upTo('draining'));
  t.equal((await socket.closed()).code, 1001);
  while ((await events.next()).event !== 'draining');
  await events.ended();
  await closed;
});

t.test('with TLS, connections that ask for nothing do not hold up the server', { skip: withoutOpenssl }, async (t) => {
  const cut: boolean[] = [];
  const directory = t.testdir({ certificate: {}, rots: {} });
  const tls = certificate(`${directory}/certificate`);
  const silent: Socket[] = [];
  const { app } = await startListening(t, {
    directory: `${directory}/rots`,
    tls,
    // Runs behind the server's own hook.
    prepare: (app) => app.addHook('preClose', async () => void cut.push(...silent.map(({ destroyed }) => destroyed))),
  });
  const { port } = app.server.address() as AddressInfo;
  // One that does not even say hello, and one that says no more.
  const accepted = once(app.server, 'connection') as Promise<[Socket]>;
  const mute = connect(port, '127.0.0.1');
  silent.push((await accepted)[0]);
  const secured = once(app.server, 'secureConnection') as Promise<[Socket]>;
  const shy = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  silent.push((await secured)[0]);
  for (const client of [mute, shy]) {
    client.on('error', () => undefined).resume();
    t.teardown(() => client.destroy());
  }
  await app.close();
  t.strictSame(cut, [true, true]);
});
