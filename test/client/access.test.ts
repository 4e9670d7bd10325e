import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import { connect } from '../../src/client/node.js';
import { Access } from '../../src/server/access.js';
import { type AppOptions, buildApp } from '../../src/server/app.js';
import { makeToken, parseTokens } from '../../src/tokens.js';
import { certificate, withoutOpenssl } from '../support/certificate.js';
import { onBothPlatforms, SwiftClock } from '../support/clients.js';
import { openQueues, SMALL } from '../support/queues.js';

/** A server with options of its own; resolves to its address. */
async function start(t: Test, options: Partial<AppOptions>, path?: string): Promise<string> {
  const app = await buildApp({ queues: await openQueues(t, t.testdir()), ...options });
  t.teardown(() => app.close());
  return path === undefined ? app.listen({ host: '127.0.0.1', port: 0 }) : app.listen({ path });
}

onBothPlatforms(t, 'a token goes along with every request and with a tail', async (t, connect) => {
  const all = makeToken('all', '*', '*');
  const reader = makeToken('reader', 'read,tail', 'q*');
  const url = await start(t, { access: new Access(parseTokens(`${all.line}\n${reader.line}`)) });
  await t.rejects(connect({ url }).stat('q'), { code: 'unauthorized' });
  await t.rejects(connect({ url, token: 'guessed' }).tail('q').next(), { code: 'unauthorized' });
  const client = connect({ url, token: all.secret });
  await client.create('q', SMALL);
  await client.push('q', 'a');
  const narrow = connect({ url, token: reader.secret });
  t.match(await narrow.read('q'), { messages: [{ text: 'a' }] });
  await t.rejects(narrow.push('q', 'b'), { code: 'forbidden' });
  await t.rejects(narrow.read('other'), { code: 'forbidden' });
  const tail = narrow.tail('q', { from: 'oldest' });
  t.match(await tail.next(), { value: { messages: [{ text: 'a' }] } });
  await tail.return(undefined);
});

t.test('HTTPS: only with a certificate that is trusted', { skip: withoutOpenssl }, async (t) => {
  const tls = certificate(t.testdir());
  const url = await start(t, { tls });
  t.match(url, /^https:/);
  const clock = new SwiftClock();
  const stranger = connect({ url, clock, retryMs: 0 });
  const untrusted = { code: 'unreachable', details: { certificate: 'DEPTH_ZERO_SELF_SIGNED_CERT' } };
  await t.rejects(stranger.list(), untrusted);
  await t.rejects(stranger.tail('q').next(), untrusted);
  const plain = connect({ url: url.replace('https:', 'http:'), clock, retryMs: 0 });
  await t.rejects(plain.list(), { code: 'unreachable', message: /https:/ });
  for (const trust of [{ ca: tls.cert }, { insecure: true }]) {
    const client = connect({ url, ...trust });
    await client.create('q', SMALL);
    await client.push('q', 'a');
    const tail = client.tail('q', { from: 'oldest' });
    t.match(await tail.next(), { value: { messages: [{ text: 'a' }] } });
    await tail.return(undefined);
    await client.close();
  }
});

t.test('an address or a token that could not be sent is refused', async (t) => {
  for (const url of ['http://user:pw@host', 'http://host/?a=b', 'http://host/#a', 'ftp://host'])
    t.throws(() => connect({ url }), { code: 'bad_parameter' }, url);
  for (const token of ['a b', 'a\nb', 'é']) {
    const refusal = t.throws(() => connect({ token }), { code: 'bad_parameter' }) as Error;
    t.notOk(refusal.message.includes(token), 'it is not shown');
  }
});

/** A directory whose name leaves room for that of a socket. */
function shortDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'rotera-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
}

t.test('a Unix socket instead of a host and a port, whatever its path', async (t) => {
  const dir = shortDir(t);
  await start(t, {}, join(dir, 's'));
  for (const name of ['a b', 'a:b', 'a?b#c', '%41', 'é']) symlinkSync('s', join(dir, name));
  for (const name of readdirSync(dir)) {
    const client = connect({ socketPath: join(dir, name), retryMs: 0 });
    await client.create('q', SMALL);
    const { first } = await client.push('q', name);
    const tail = client.tail('q', { from: first ?? 0 });
    t.match(await tail.next(), { value: { messages: [{ text: name }] } });
    await tail.return(undefined);
  }
  await t.rejects(connect({ socketPath: join(dir, 'nobody'), retryMs: 0 }).list(), { code: 'unreachable' });
});

t.test('TLS over a Unix socket', { skip: withoutOpenssl }, async (t) => {
  const tls = certificate(t.testdir());
  const socketPath = join(shortDir(t), 's');
  await start(t, { tls }, socketPath);
  const client = connect({ url: 'https://127.0.0.1', socketPath, ca: tls.cert });
  await client.create('q', SMALL);
  await client.push('q', 'a');
  const tail = client.tail('q', { from: 'oldest' });
  t.match(await tail.next(), { value: { messages: [{ text: 'a' }] } });
  await tail.return(undefined);
  // The certificate is for the host of the address.
  const other = connect({ url: 'https://other.test', socketPath, ca: tls.cert, retryMs: 0 });
  const untrusted = { code: 'unreachable', details: { certificate: 'ERR_TLS_CERT_ALTNAME_INVALID' } };
  await t.rejects(other.list(), untrusted);
  await t.rejects(other.tail('q').next(), untrusted);
});

t.test('a refusal is read, however it is sent', async (t) => {
  // A server that is broken in its own way: an endless refusal of a tail must not be read for ever.
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n');
    const chunk = 'x'.repeat(65_536);
    const send = (): void => {
      while (!socket.destroyed && socket.write(`10000\r\n${chunk}\r\n`));
    };
    socket.on('drain', send);
    send();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  await t.rejects(
    connect({ url: `http://127.0.0.1:${port}`, retryMs: 0 })
      .tail('q')
      .next(),
    { code: 'unreachable' },
  );
});
