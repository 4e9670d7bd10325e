import t from 'tap';
import { RoteraError } from '../../src/errors.js';
import { isProblem, sendInProcess, sendOverHttp, startServer } from '../support/server.js';

const LIMITS = { maxBytes: 1000, reserve: false };

t.test('a server that serves is alive and ready', async (t) => {
  const { queues, send } = await startServer(t, { directory: t.testdir({ 'broken.rot': 'no rot file' }) });
  await queues.create('q', LIMITS);
  for (const [path, body] of [
    ['/healthz', { status: 'ok' }],
    ['/readyz', { status: 'ok', readOnly: [], unreadable: ['broken'] }],
  ] as const) {
    const answer = await send({ path });
    t.equal(answer.status, 200, path);
    t.strictSame(answer.json, body, path);
    t.equal((await send({ method: 'HEAD', path })).status, 200, path);
  }
});

t.test('it is not ready while a queue takes no writes, and names it', async (t) => {
  const { queues, send } = await startServer(t);
  await queues.create('good', LIMITS);
  const { queue } = await queues.create('bad', LIMITS);
  Object.defineProperty(queue, 'state', { value: 'read_only' });
  const answer = await send({ path: '/readyz' });
  t.equal(answer.status, 503);
  t.strictSame(answer.json, { status: 'read_only', readOnly: ['bad'], unreadable: [] });
  t.equal((await send({ path: '/healthz' })).status, 200, 'it is alive');
});

t.test('while it starts it is alive, but not ready, and refuses what needs a queue', async (t) => {
  let ready = false;
  const { queues, send } = await startServer(t, { app: { isReady: () => ready } });
  await queues.create('q', LIMITS);
  t.equal((await send({ path: '/healthz' })).status, 200);
  const answer = await send({ path: '/readyz' });
  t.equal(answer.status, 503);
  t.strictSame(answer.json, { status: 'starting', readOnly: [], unreadable: [] });
  isProblem(t, await send({ path: '/queues/q' }), 503, 'starting');
  isProblem(t, await send({ method: 'POST', path: '/queues/q/messages', body: 'x' }), 503, 'starting');
  isProblem(t, await send({ path: '/queues/q/tail' }), 503, 'starting');
  ready = true;
  t.equal((await send({ path: '/readyz' })).status, 200);
  t.equal((await send({ path: '/queues/q' })).status, 200);
});

t.test('while it stops it is alive, but not ready', async (t) => {
  let whileStopping = async (): Promise<void> => undefined;
  const { app, url } = await startServer(t, {
    prepare: (app) => app.addHook('preClose', () => whileStopping()),
  });
  whileStopping = async () => {
    const send = sendOverHttp(url);
    t.equal((await send({ path: '/healthz' })).status, 200);
    const answer = await send({ path: '/readyz' });
    t.equal(answer.status, 503);
    t.strictSame(answer.json, { status: 'draining', readOnly: [], unreadable: [] });
  };
  await app.close();
});

t.test('being alive does not depend on the queues', async (t) => {
  const { app, queues } = await startServer(t);
  Object.defineProperty(queues, 'all', {
    get: () => {
      throw new RoteraError('internal', 'the disk does not answer');
    },
  });
  const send = sendInProcess(app);
  t.equal((await send({ path: '/healthz' })).status, 200);
  isProblem(t, await send({ path: '/readyz' }), 500, 'internal');
});
