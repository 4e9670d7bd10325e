import { gzipSync } from 'node:zlib';
import { isProblem, type Request } from '../support/server.js';
import { refusal } from '../support/wire.js';
import { makeQueue, type Suite } from './words.js';

export const errors: Suite = (t, start) => {
  t.test('a route that is none, and a method that is none', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    for (const path of ['/nothing', '/queues/q/', '/queues/q/x', '/queues/q/messages/1/2', '/queue', '//queues'])
      isProblem(t, await wire.send({ path }), 404, 'not_found');
    const refused: ReadonlyArray<readonly [method: Request['method'], path: string, allow: string]> = [
      ['DELETE', '/queues/q', 'GET, HEAD, PUT'],
      ['PATCH', '/queues/none', 'GET, HEAD, PUT'],
      ['PUT', '/queues', 'GET, HEAD'],
      ['PUT', '/queues/q/messages', 'GET, POST'],
      ['HEAD', '/queues/q/messages', 'GET, POST'],
      ['DELETE', '/queues/q/messages/0', 'GET, HEAD'],
      ['POST', '/queues/q/push', 'GET'],
      ['OPTIONS', '/queues/q/tail', 'GET'],
      ['POST', '/healthz', 'GET, HEAD'],
    ];
    for (const [method, path, allow] of refused) {
      const answer = await wire.send({ method, path } as Request);
      t.equal(answer.headers['allow']?.split(', ').sort().join(', '), allow, `${method} ${path}`);
      if (method === 'HEAD') t.equal(answer.status, 405);
      else isProblem(t, answer, 405, 'method_not_allowed');
    }
  });

  t.test('a queue without a name is none', async (t) => {
    const { send } = await start(t);
    isProblem(t, await send({ path: '/queues/' }), 400, 'bad_name', { value: '' });
  });

  t.test('an URL that is none', async (t) => {
    const { send } = await start(t);
    for (const path of [
      '/queues/%',
      '/queues/%zz',
      '/queues/%ff',
      '/queues/q/messages/%c3',
      `/queues/${'%61'.repeat(200)}`,
    ])
      isProblem(t, await send({ path }), 400, path.length > 500 ? 'bad_name' : 'bad_parameter');
    isProblem(t, await send({ path: `/queues/${'a'.repeat(2000)}` }), 400, 'bad_parameter');
    isProblem(t, await send({ path: `/queues/q?${'a'.repeat(9000)}` }), 414, 'uri_too_long');
  });

  t.test('a body that is compressed', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    const path = '/queues/q/messages';
    for (const encoding of ['gzip', 'BR', 'identity, gzip']) {
      const headers = { 'content-encoding': encoding, 'content-type': 'application/x-ndjson' };
      isProblem(
        t,
        await wire.send({ method: 'POST', path, headers, body: gzipSync('a\nb\n') }),
        415,
        'encoding_refused',
      );
    }
    t.equal(queue.next, 0);
    t.equal(
      (await wire.send({ method: 'POST', path, headers: { 'content-encoding': 'identity' }, body: 'a' })).status,
      200,
    );
  });

  t.test('an error that nobody thought of is 500, and says nothing of our insides', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    queue.read = () => {
      throw new TypeError('secret: cannot read /somewhere/private.ts:12');
    };
    const answer = await wire.send({ path: '/queues/q/messages' });
    isProblem(t, answer, 500, 'internal');
    t.notMatch(answer.body.toString(), /secret|private|TypeError/);
  });

  t.test('a server that starts says so', async (t) => {
    let isReady = false;
    const wire = await start(t, { isReady: () => isReady });
    await makeQueue(wire);
    for (const path of ['/queues', '/queues/q', '/nothing']) isProblem(t, await wire.send({ path }), 503, 'starting');
    t.equal((await refusal(wire.open('/queues/q/tail'))).status, 503);
    t.equal((await wire.send({ path: '/healthz' })).status, 200);
    isReady = true;
    t.equal((await wire.send({ path: '/queues/q' })).status, 200);
  });
};
