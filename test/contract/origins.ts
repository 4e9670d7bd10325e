import type { Test } from 'tap';
import { isProblem } from '../support/server.js';
import { refusal, type Start, type WireOptions } from '../support/wire.js';
import { makeQueue, pushEach, type Suite } from './words.js';

const LOCAL: WireOptions = {};
const PROXIED: WireOptions = { allowedHosts: ['queue.example', 'Other.Example'] };
const PUBLIC: WireOptions = { loopback: false };

/** Host, by where the server listens, and whether it is answered: 200, 403, or 400 for what is no host. */
const HOSTS: ReadonlyArray<readonly [options: WireOptions, host: string, status: number]> = [
  [LOCAL, 'localhost', 200],
  [LOCAL, 'localhost:8245', 200],
  [LOCAL, 'LOCALHOST', 200],
  [LOCAL, 'app.localhost', 200],
  [LOCAL, '127.0.0.1', 200],
  [LOCAL, '127.0.0.1:1', 200],
  [LOCAL, '127.1.2.3', 200],
  [LOCAL, '[::1]', 200],
  [LOCAL, '[::1]:8245', 200],
  [LOCAL, 'evil.example', 403],
  [LOCAL, 'evil.example:8245', 403],
  [LOCAL, '127.0.0.1.evil.example', 403],
  [LOCAL, 'localhost.evil.example', 403],
  [LOCAL, 'evillocalhost', 403],
  [LOCAL, '192.168.0.5', 403],
  [LOCAL, '[fe80::1]', 403],
  [LOCAL, '0.0.0.0', 403],
  [LOCAL, '2130706433', 403],
  [LOCAL, '127.1', 403],
  [LOCAL, 'queue.example', 403],
  [PROXIED, 'queue.example', 200],
  [PROXIED, 'QUEUE.example:443', 200],
  [PROXIED, 'other.example', 200],
  [PROXIED, 'localhost', 200],
  [PROXIED, 'sub.queue.example', 403],
  [PUBLIC, 'evil.example', 200],
  [PUBLIC, '192.168.0.5:8245', 200],
  [LOCAL, 'localhost:', 400],
  [LOCAL, 'localhost:x', 400],
  [LOCAL, 'local host', 400],
  [LOCAL, 'user@localhost', 400],
  [LOCAL, '::1', 400],
  [LOCAL, '[::1', 400],
  [LOCAL, 'localhost/x', 400],
];

const HERE = 'localhost:8245';
type Asked = 'read' | 'push' | 'create' | 'cursor' | 'socket' | 'event cursor';

/** Origin and Sec-Fetch-Site of a request to {@link HERE}, and what is refused to it. `https://ui.example` is allowed. */
const ORIGINS: ReadonlyArray<readonly [headers: Record<string, string>, refused: boolean]> = [
  [{}, false],
  [{ origin: 'http://localhost:8245' }, false],
  [{ origin: 'https://localhost:8245' }, false],
  [{ origin: 'http://LOCALHOST:8245' }, false],
  [{ origin: 'https://ui.example' }, false],
  [{ origin: 'https://ui.example', 'sec-fetch-site': 'cross-site' }, false],
  [{ origin: 'https://ui.example', 'sec-fetch-site': 'same-site' }, false],
  [{ origin: 'http://localhost:8245', 'sec-fetch-site': 'same-origin' }, false],
  [{ 'sec-fetch-site': 'same-origin' }, false],
  [{ 'sec-fetch-site': 'same-site' }, true],
  [{ 'sec-fetch-site': 'none' }, false],
  [{ 'sec-fetch-site': 'cross-site' }, true],
  [{ 'sec-fetch-site': 'something-new' }, true],
  [{ origin: 'http://localhost' }, true],
  [{ origin: 'http://localhost:8246' }, true],
  [{ origin: 'http://127.0.0.1:8245' }, true],
  [{ origin: 'https://evil.example' }, true],
  [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, true],
  [{ origin: 'http://ui.example' }, true],
  [{ origin: 'https://ui.example:444' }, true],
  [{ origin: 'https://ui.example.evil.example' }, true],
  [{ origin: 'null' }, true],
  [{ origin: 'localhost:8245' }, true],
  [{ origin: '' }, true],
  [{ origin: 'file://' }, true],
];

export const origins: Suite = (t, start) => {
  t.test('exactly one Host, and one of ours', async (t) => {
    for (const options of [LOCAL, PROXIED, PUBLIC]) {
      const { send } = await start(t, options);
      for (const [of, host, status] of HOSTS) {
        if (of !== options) continue;
        const answer = await send({ path: '/healthz', headers: { host } });
        if (status === 200) t.equal(answer.status, 200, host);
        else isProblem(t, answer, status, status === 403 ? 'host_refused' : 'bad_parameter');
      }
    }
  });

  t.test('a page of another origin reads without CORS, and changes nothing', (t) => matrix(t, start));

  t.test('an allowed origin gets the headers of CORS, also on refusals and streams', async (t) => {
    const wire = await start(t, { corsOrigins: ['https://ui.example'] });
    await pushEach(await makeQueue(wire), 'a');
    const headers = { origin: 'https://ui.example' };
    for (const path of ['/queues/q', '/queues/q/messages', '/queues/none', '/queues/q/messages?from=x', '/nothing']) {
      const answer = await wire.send({ path, headers });
      t.equal(answer.headers['access-control-allow-origin'], 'https://ui.example', path);
      t.match(answer.headers['vary'], /origin/i);
      const exposed = answer.headers['access-control-expose-headers']?.toLowerCase().split(', ') ?? [];
      for (const name of ['etag', 'rotera-epoch', 'rotera-gap', 'rotera-read-next', 'producer-expected-seq'])
        t.ok(exposed.includes(name), `${path}: ${name}`);
    }
    const stream = await wire.events('/queues/q/tail', headers);
    t.equal(stream.headers['access-control-allow-origin'], 'https://ui.example');
    for (const origin of ['https://evil.example', 'null']) {
      const answer = await wire.send({ path: '/queues/q', headers: { origin } });
      t.equal(answer.status, 200);
      t.notOk('access-control-allow-origin' in answer.headers, origin);
    }
  });

  t.test('a preflight is answered to allowed origins only', async (t) => {
    const wire = await start(t, { corsOrigins: ['https://ui.example'] });
    const ask = (origin: string, path = '/queues/q/messages', extra = {}) =>
      wire.send({
        method: 'OPTIONS',
        path,
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'content-type, producer-id',
          ...extra,
        },
      });
    const allowed = await ask('https://ui.example');
    t.equal(allowed.status, 204);
    t.match(allowed.headers, {
      'access-control-allow-origin': 'https://ui.example',
      'access-control-allow-methods': 'GET, HEAD, PUT, POST',
      'access-control-allow-headers': 'content-type, producer-id',
      'access-control-max-age': '3600',
    });
    const refused = await ask('https://evil.example');
    isProblem(t, refused, 405, 'method_not_allowed');
    t.notOk('access-control-allow-origin' in refused.headers);
    isProblem(t, await ask('https://evil.example', '/nothing'), 404, 'not_found');
    isProblem(t, await ask('https://ui.example', '/queues', { host: 'evil.example' }), 403, 'host_refused');
  });

  t.test('nothing is said of CORS where no origin is allowed; with * all are', async (t) => {
    const closed = await start(t);
    const headers = { origin: 'https://ui.example' };
    const answer = await closed.send({ path: '/queues', headers });
    t.strictSame([answer.status, 'access-control-allow-origin' in answer.headers], [200, false]);
    isProblem(t, await closed.send({ method: 'OPTIONS', path: '/queues', headers }), 405, 'method_not_allowed');
    const open = await start(t, { corsOrigins: ['*'], directory: t.testdir({ open: {} }) });
    for (const origin of ['https://ui.example', 'null']) {
      const made = await open.send({
        method: 'PUT',
        path: '/queues/q',
        headers: { origin },
        body: '{"maxBytes":1000,"reserve":false}',
      });
      t.ok(made.status < 300, origin);
      t.equal(made.headers['access-control-allow-origin'], origin);
    }
  });
};

async function matrix(t: Test, start: Start): Promise<void> {
  const wire = await start(t, { corsOrigins: ['https://ui.example'] });
  const queue = await makeQueue(wire);
  for (const [headers, refused] of ORIGINS) {
    const all = { host: HERE, ...headers };
    const said = JSON.stringify(headers);
    const asked: Readonly<Record<Exclude<Asked, 'socket'>, Parameters<typeof wire.send>[0]>> = {
      read: { path: '/queues/q/messages' },
      push: { method: 'POST', path: '/queues/q/messages', body: 'x' },
      create: { method: 'PUT', path: '/queues/q' },
      cursor: { path: '/queues/q/messages?cursor=c' },
      'event cursor': { path: '/queues/q/tail?cursor=c&from=x' },
    };
    const before = queue.next;
    for (const [name, request] of Object.entries(asked)) {
      const answer = await wire.send({ ...request, headers: all });
      if (refused && name !== 'read' && name !== 'event cursor') isProblem(t, answer, 403, 'origin_refused');
      else t.equal(answer.status, name === 'event cursor' ? 400 : 200, `${name} ${said}`);
    }
    t.equal(queue.next - before, refused ? 0 : 1, `${said}: what was refused is not stored`);
    for (const path of ['/queues/q/push', '/queues/q/tail']) {
      const socket = wire.open(path, { headers: all });
      if (refused) t.equal((await refusal(socket)).status, 403, `socket ${said}`);
      else (await socket).socket.terminate();
    }
  }
  // As an image of a page: without an Origin, whatever the page's is.
  for (const site of ['same-site', 'cross-site']) {
    for (const path of [
      '/queues/q/tail?cursor=d',
      '/queues/q/messages?cursor=d',
      '/queues/q/messages?cursor=c&ack=0',
    ]) {
      const answer = await wire.send({ path, headers: { 'sec-fetch-site': site, 'sec-fetch-mode': 'no-cors' } });
      isProblem(t, answer, 403, 'origin_refused');
    }
  }
  t.strictSame(
    Object.entries(queue.cursors()).map(([name, { position }]) => [name, position]),
    [['c', 0]],
  );
}
