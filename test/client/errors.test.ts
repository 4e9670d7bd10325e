import { getEventListeners, once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import t from 'tap';
import { Http } from '../../src/client/http.js';
import type { Transport } from '../../src/client/transport.js';
import { onBothPlatforms, SwiftClock } from '../support/clients.js';
import { SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';

/** Something that is no rotera server. */
async function foreign(t: Test, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

onBothPlatforms(t, 'refusals are errors with the code, the text and the facts of the server', async (t, connect) => {
  const client = connect({ url: (await startServer(t)).url });
  await t.rejects(client.stat('missing'), {
    name: 'RoteraError',
    code: 'queue_not_found',
    details: { queue: 'missing' },
  });
  await t.rejects(client.stat('../etc'), { code: 'bad_name' });
  await t.rejects(client.create('q', { maxMessages: 0 }), {
    code: 'bad_parameter',
    details: { parameter: 'maxMessages' },
  });
  await t.rejects(client.tail('missing').next(), { code: 'queue_not_found' });
  await t.rejects(client.tail('missing', { cursor: 'c', window: 5 }).next(), { code: 'queue_not_found' });
  await client.create('q', { maxBytes: 1000, reserve: false });
  await t.rejects(client.tail('q', { from: 7 }).next(), { code: 'beyond_end' });
  await t.rejects(client.tail('q', { from: 'yesterday' }).next(), { code: 'bad_parameter' });
});

onBothPlatforms(t, 'a server that is not there is tried for, and then told', async (t, connect) => {
  const clock = new SwiftClock();
  const nobody = 'http://127.0.0.1:1';
  await t.rejects(connect({ url: nobody, clock, retryMs: 1000 }).stat('q'), { code: 'unreachable' });
  t.strictSame(clock.waits, [75, 150, 300]);
  await t.rejects(connect({ url: nobody, clock, retryMs: 0 }).push('q', 'a'), { code: 'unreachable' });
  await t.rejects(connect({ url: nobody, clock, retryMs: 0 }).tail('q').next(), { code: 'unreachable' });
  t.equal(clock.waits.length, 3);
});

onBothPlatforms(t, 'other servers are not taken for rotera', async (t, connect) => {
  const answers: ReadonlyArray<readonly [status: number, type: string, body: string]> = [
    [200, 'text/html', '<!doctype html><title>Welcome</title>'],
    [404, 'text/html', '<h1>Not Found</h1>'],
    [404, 'application/json', '{"message":"no such thing"}'],
    [500, 'text/plain', ''],
    [200, 'application/json', '{"ok":true}'],
    [200, 'application/json', 'null'],
    [200, 'application/json', '[]'],
  ];
  for (const [status, type, body] of answers) {
    const url = await foreign(t, (_request, response) =>
      response.writeHead(status, { 'content-type': type }).end(body),
    );
    const client = connect({ url, clock: new SwiftClock() });
    await t.rejects(client.stat('q'), { code: 'not_rotera' }, `${status} ${body}`);
    await t.rejects(client.push('q', 'a'), { code: 'not_rotera' });
    await t.rejects(client.create('q'), { code: 'not_rotera' });
    await t.rejects(client.list(), { code: 'not_rotera' });
    await t.rejects(client.read('q'), { code: 'not_rotera' });
    await t.rejects(client.readRecords('q'), { code: 'not_rotera' });
  }
});

/** How long a promise takes to be rejected, and with what. */
async function rejection(promise: Promise<unknown>): Promise<{ readonly error: unknown; readonly ms: number }> {
  const started = performance.now();
  const error = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  return { error, ms: performance.now() - started };
}

onBothPlatforms(t, 'deadline and signal count while a connection is being made', async (t, connect) => {
  // It takes the connection and never begins the TLS of its own.
  const sockets: Socket[] = [];
  const mute = createTcpServer((socket) => sockets.push(socket.on('error', () => undefined))).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.teardown(() => {
    mute.close();
    for (const socket of sockets) socket.destroy();
  });
  const url = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`;
  // The platforms give up after ten seconds.
  const late = await rejection(connect({ url, retryMs: 0, timeoutMs: 100 }).list());
  t.match(late.error, { code: 'unreachable', message: /has not answered in 100 ms/ });
  t.ok(late.ms < 5000, `${late.ms} ms`);
  const ending = new AbortController();
  const ended = rejection(connect({ url, retryMs: 0 }).list({ signal: ending.signal }));
  const isWaiting = sockets.length;
  while (sockets.length === isWaiting) await sleep(10);
  ending.abort('enough');
  t.equal((await ended).error, 'enough');
  t.ok((await ended).ms < 5000, `${(await ended).ms} ms`);
});

t.test('a transport that never settles holds nobody', async (t) => {
  const never = new Promise<never>(() => undefined);
  const deaf: Transport = {
    request: () => never,
    openSocket: () => {
      throw new Error('no tails here');
    },
    close: async () => undefined,
  };
  const http = new Http(deaf, { retryMs: 0, timeoutMs: 50 });
  const { signal } = new AbortController();
  await t.rejects(http.call('GET', http.url, { signal }), { code: 'unreachable' });
  t.equal(getEventListeners(signal, 'abort').length, 0, 'and leaves nothing at the signal');
  const ending = new AbortController();
  const ended = rejection(http.call('GET', http.url, { signal: ending.signal }));
  ending.abort('enough');
  t.equal((await ended).error, 'enough');
});

onBothPlatforms(t, 'a redirect is not followed: a push would become a read', async (t, connect) => {
  const { url: there, client: direct } = await startServer(t);
  await direct.create('q', SMALL);
  for (const status of [301, 302, 303, 307, 308]) {
    const url = await foreign(t, (request, response) =>
      response.writeHead(status, { location: `${there}${request.url}` }).end(),
    );
    const client = connect({ url, clock: new SwiftClock() });
    await t.rejects(client.push('q', 'a'), { code: 'not_rotera' }, String(status));
    await t.rejects(client.stat('q'), { code: 'not_rotera' }, String(status));
  }
  t.match(await direct.stat('q'), { next: 0 });
});

t.test('what does not speak HTTP is told apart from nobody', async (t) => {
  const { connect } = await import('../../src/client/node.js');
  const server = createTcpServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await t.rejects(connect({ url }).stat('q'), { code: 'not_rotera' });
});

onBothPlatforms(t, 'a gateway whose server is away is tried again', async (t, connect) => {
  const { url: there, client: direct } = await startServer(t);
  await direct.create('q', { maxBytes: 1000, reserve: false });
  let down = 3;
  const url = await foreign(t, (request, response) => {
    if (down-- > 0) response.writeHead(502, { 'content-type': 'text/html' }).end('<h1>Bad Gateway</h1>');
    else void fetch(`${there}${request.url}`).then(async (answer) => response.end(await answer.text()));
  });
  const clock = new SwiftClock();
  t.match(await connect({ url, clock }).stat('q'), { queue: 'q' });
  t.equal(clock.waits.length, 3);
});

onBothPlatforms(t, 'a server that takes a request and never answers is unreachable', async (t, connect) => {
  const url = await foreign(t, () => undefined);
  await t.rejects(connect({ url, timeoutMs: 20, retryMs: 0 }).stat('q'), { code: 'unreachable' });
});

onBothPlatforms(t, 'an address that is none is told before anything is sent', async (t, connect) => {
  for (const url of ['http://', 'ftp://host', 'http://host:99999', '']) {
    t.throws(() => connect({ url }), { code: 'bad_parameter' }, url);
  }
  t.equal(connect({ url: 'host:8245' }).url, 'http://host:8245');
  t.equal(connect({ url: 'https://host/behind/a/proxy/' }).url, 'https://host/behind/a/proxy');
});

onBothPlatforms(
  t,
  'a token that no header can carry is told before anything is sent, and not shown',
  async (t, connect) => {
    for (const token of ['secret\n', 'sec ret', 'geheimniß']) {
      const error = t.throws(() => connect({ token }), { code: 'bad_parameter', details: { parameter: 'token' } });
      t.notMatch((error as Error | false) || undefined, { message: /sec|geheim/ }, token);
    }
  },
);

onBothPlatforms(t, 'names that a URL cannot say are refused, not looked up elsewhere', async (t, connect) => {
  const client = connect({ url: (await startServer(t)).url });
  for (const name of ['', '.', '..']) {
    const calls: Array<Promise<unknown>> = [
      client.create(name),
      client.stat(name),
      client.push(name, 'a'),
      client.read(name),
      client.tail(name).next(),
    ];
    for (const call of calls) await t.rejects(call, { code: 'bad_name' }, JSON.stringify(name));
  }
});

onBothPlatforms(t, 'a deadline may be endless', async (t, connect) => {
  const { url, client: other } = await startServer(t);
  const client = connect({ url, timeoutMs: Number.POSITIVE_INFINITY, retryMs: 0 });
  await client.create('q', SMALL);
  const waiting = client.read('q', { wait: 60 });
  await other.push('q', 'a');
  t.match(await waiting, { messages: [{ text: 'a' }] });
});

onBothPlatforms(t, 'an answer that comes slowly is waited for, one that stops is not', async (t, connect) => {
  const PARTS = 8;
  const url = await foreign(t, async (request, response) => {
    const body = JSON.stringify({ queue: 'q', epoch: 'e', filler: 'x'.repeat(1000) });
    const each = Math.ceil(body.length / PARTS);
    for (let part = 0; part < PARTS; part++) {
      if (part === PARTS / 2 && request.url?.includes('stops')) return;
      response.write(body.slice(part * each, (part + 1) * each));
      await sleep(400);
    }
    response.end();
  });
  const began = performance.now();
  t.match(await connect({ url, timeoutMs: 2500, retryMs: 0 }).stat('q'), { epoch: 'e' });
  t.ok(performance.now() - began > 2500, 'it took longer than one part of it may');
  await t.rejects(connect({ url, timeoutMs: 1000, retryMs: 0 }).stat('stops'), { code: 'unreachable' });
});
