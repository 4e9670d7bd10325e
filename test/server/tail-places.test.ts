import { once } from 'node:events';
import { Agent, get } from 'node:http';
import type { Socket } from 'node:net';
import t from 'tap';
import type { Queue } from '../../src/queue/queue.js';
import { RawConnection } from '../support/raw.js';
import { startListening } from '../support/wire.js';

const LIMITS = { maxBytes: 100_000, reserve: false };
const UPGRADE = [
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
].join('\r\n');

/** Resolves when a cursor is about to be changed; what it resolves to lets that go on, and resolves when it has. */
function holdCursor(queue: Queue): Promise<() => Promise<void>> {
  const { moveCursor } = queue;
  return new Promise((resolve) => {
    queue.moveCursor = (change) =>
      new Promise((moved, failed) => {
        queue.moveCursor = moveCursor;
        resolve(async () => {
          const done = queue.moveCursor(change);
          done.then(moved, failed);
          await done;
        });
      });
  });
}

t.test('tails that are refused for a gap take no place, on a connection that is kept', async (t) => {
  const wire = await startListening(t, { limits: { maxTails: 2 } });
  const { queue } = await wire.queues.create('q', { ...LIMITS, maxMessages: 1 });
  for (const text of ['a', 'b']) await wire.send({ method: 'POST', path: '/queues/q/messages', body: text });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const warnings: string[] = [];
  const warn = ({ name }: Error): void => void warnings.push(name);
  process.on('warning', warn);
  t.teardown(() => process.off('warning', warn));
  const sockets = new Set<unknown>();
  for (let i = 0; i < 30; i++) {
    // Since an id that is gone, and since another life of the queue.
    const since = i % 2 === 0 ? 'from=0' : 'lastEventId=other:5';
    const asked = get(`${wire.url}/queues/q/tail?${since}&gap=fail`, { agent, headers: { host: 'localhost' } });
    const [answer] = await once(asked, 'response');
    sockets.add(answer.socket);
    t.equal(answer.statusCode, 410);
    await answer.resume().toArray();
  }
  t.equal(sockets.size, 1);
  t.strictSame(warnings, []);
  t.equal((await wire.send({ path: '/queues/q' })).json['tails'], 0);
  t.equal(queue.ended, undefined);
});

t.test('a client that leaves while its cursor is made has no place', { timeout: 20_000 }, async (t) => {
  const wire = await startListening(t, { limits: { maxTails: 1 } });
  const { queue } = await wire.queues.create('q', LIMITS);
  for (const headers of [UPGRADE, 'Host: localhost']) {
    const held = holdCursor(queue);
    const accepted = once(wire.app.server, 'connection') as Promise<[Socket]>;
    const { socket: client } = await RawConnection.to(wire.port);
    const [server] = await accepted;
    const closed = new Promise((resolve) => server.once('close', resolve));
    client.write(`GET /queues/q/tail?cursor=c&move=true&from=next HTTP/1.1\r\n${headers}\r\n\r\n`);
    const release = await held;
    t.equal((await wire.send({ path: '/queues/q' })).json['tails'], 1);
    client.resetAndDestroy();
    await closed;
    await release();
    t.equal((await wire.send({ path: '/queues/q' })).json['tails'], 0);
  }
  const tail = await wire.open('/queues/q/tail');
  t.match(await tail.json(), { type: 'open' });
});
