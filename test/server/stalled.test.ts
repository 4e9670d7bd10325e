import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { whenStalled } from '../../src/server/stalled.js';
import { MIB } from '../support/queues.js';

const STALLED_MS = 2000;

/** Both ends of a connection: the server's, and one that is not read. */
async function pair(t: Test): Promise<{ wire: Socket; peer: Socket }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
  const [wire] = (await once(server, 'connection')) as [Socket];
  t.teardown(() => {
    for (const socket of [wire, peer]) socket.destroy();
    server.close();
  });
  return { wire, peer };
}

t.test('one that takes something in time is not stalled, however long all of it takes', async (t) => {
  const { wire, peer } = await pair(t);
  let calls = 0;
  whenStalled(wire, STALLED_MS, () => calls++);
  const began = performance.now();
  const taken = new Promise((resolve) => wire.write(Buffer.alloc(48 * MIB), resolve));
  let room = 0;
  peer.on('data', ({ length }) => {
    room -= length;
    if (room <= 0) peer.pause();
  });
  // A MiB each 100 ms.
  const reading = setInterval(() => {
    room = MIB;
    peer.resume();
  }, 100);
  await taken;
  clearInterval(reading);
  t.ok(performance.now() - began > STALLED_MS);
  t.equal(calls, 0);
});

t.test('one that takes nothing is, and is asked about again', async (t) => {
  const { wire } = await pair(t);
  let calls = 0;
  wire.on('timeout', () => t.fail('what others did when the time was over'));
  const began = performance.now();
  const called = new Promise<void>((resolve) => {
    whenStalled(wire, 400, () => {
      if (++calls === 2) resolve();
    });
  });
  wire.write(Buffer.alloc(48 * MIB));
  await called;
  t.ok(performance.now() - began >= 400);
});
