import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { pushTexts, readFrom, texts } from '../support/queues.js';
import { isProblem, sendOverHttp, startServer } from '../support/server.js';
import { tailOverEvents, tailOverWebSocket } from '../support/tails.js';

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
