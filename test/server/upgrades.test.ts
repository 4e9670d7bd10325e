import { once } from 'node:events';
import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { RawConnection } from '../support/raw.js';
import { type RealWire, startListening } from '../support/wire.js';

const HOST = 'HTTP/1.1\r\nHost: localhost\r\n';
const HEALTH = `GET /healthz ${HOST}\r\n`;
const upgrade = (path: string, to = 'x'): string => `GET ${path} ${HOST}Connection: Upgrade\r\nUpgrade: ${to}\r\n\r\n`;
const SOCKET = `GET /queues/q/tail ${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13
Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n`.replace('13\n', '13\r\n');
/** Longer than the server takes for anything here, shorter than it keeps a connection. */
const SOON_MS = 8000;

/** A connection, as the client and as the server has it, whose client never ends its own half. */
async function open(t: Test, wire: RealWire): Promise<{ client: RawConnection; closed: Promise<boolean> }> {
  const accepted = once(wire.app.server, 'connection') as Promise<[Socket]>;
  const client = await RawConnection.to(wire.port);
  t.teardown(() => client.socket.destroy());
  const [server] = await accepted;
  const closed = new Promise<boolean>((resolve) => {
    const late = setTimeout(() => resolve(false), SOON_MS);
    server.once('close', () => {
      clearTimeout(late);
      resolve(true);
    });
  });
  return { client, closed };
}

const told = ({ answers }: RawConnection): Array<number | string> => answers.map(({ status, code }) => code ?? status);

for (const [name, asked] of Object.entries({
  'to something else': upgrade('/'),
  'to a WebSocket': SOCKET,
  'of an URL that is none': upgrade('/%'),
}))
  t.test(`an upgrade ${name} behind another request is refused behind its answer`, async (t) => {
    const wire = await startListening(t);
    await wire.queues.create('q', { maxBytes: 1000, reserve: false });
    const { client, closed } = await open(t, wire);
    client.socket.write(HEALTH + HEALTH + asked);
    t.ok(await closed, 'the connection is closed');
    await client.until(() => false);
    t.strictSame(told(client), [200, 200, 'bad_parameter']);
  });

t.test('an upgrade behind a read that waits is refused when that is answered', async (t) => {
  const wire = await startListening(t);
  await wire.queues.create('q', { maxBytes: 1000, reserve: false });
  const { client, closed } = await open(t, wire);
  client.socket.write(`GET /queues/q/messages?wait=1 ${HOST}\r\n${SOCKET}`);
  t.ok(await closed);
  await client.until(() => false);
  t.strictSame(told(client), [200, 'bad_parameter']);
});

t.test('an upgrade behind a stream ends it', async (t) => {
  const wire = await startListening(t);
  await wire.queues.create('q', { maxBytes: 1000, reserve: false });
  const { client, closed } = await open(t, wire);
  client.socket.write(`GET /queues/q/tail ${HOST}\r\n`);
  await client.until(() => client.heard.includes('retry'));
  client.socket.write(SOCKET);
  t.ok(await closed);
});

t.test('behind an answer that has come, an upgrade is one', async (t) => {
  const wire = await startListening(t);
  await wire.queues.create('q', { maxBytes: 1000, reserve: false });
  const { client } = await open(t, wire);
  client.socket.write(HEALTH);
  await client.until(() => client.answers.length === 1);
  client.socket.write(SOCKET);
  await client.until(() => client.answers.length === 2);
  t.strictSame(told(client), [200, 101]);
});

t.test('the connection of a refused upgrade is closed, also when its client ends nothing and says more', async (t) => {
  const wire = await startListening(t);
  for (const path of ['/%', '/', '/nothing']) {
    const { client, closed } = await open(t, wire);
    client.socket.write(`${upgrade(path)}more`);
    await client.until(() => client.answers.length === 1);
    client.socket.write('and more');
    t.ok(await closed, path);
  }
});

t.test('a server that stops cuts a connection whose upgrade is never answered', async (t) => {
  const wire = await startListening(t, {
    // Before the server's own: nobody answers.
    prepare: (app) => void app.addHook('onRequest', (request, _reply, done) => request.ws || done()),
  });
  const { client, closed } = await open(t, wire);
  client.socket.write(upgrade('/'));
  await once(wire.app.server, 'upgrade');
  await wire.app.close();
  t.ok(await closed);
});

t.test('the connection of an upgrade whose answer nobody takes is closed in its time', async (t) => {
  const wire = await startListening(t, {
    limits: { idleMs: 300 },
    prepare: (app) => void app.addHook('onRequest', (request, _reply, done) => request.ws || done()),
  });
  const { client, closed } = await open(t, wire);
  client.socket.write(upgrade('/'));
  t.ok(await closed);
});
