import { once } from 'node:events';
import type { Socket } from 'node:net';
import t, { type Test } from 'tap';
import { batchOf } from '../../src/batch.js';
import type { Queue } from '../../src/queue/queue.js';
import { RawConnection } from '../support/raw.js';
import { type RealWire, startListening } from '../support/wire.js';

const MIB = 1024 * 1024;
/** As much as a read can bring. */
const WHOLE = '/queues/q/messages?from=0&limit=256&maxBytes=16777216';
const BINARY = 'Accept: application/vnd.rotera.batch\r\n';
const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;

interface Given {
  readonly wire: RealWire;
  readonly queue: Queue;
  /** A connection, as the client and as the server has it. */
  readonly open: () => Promise<{ client: Socket; server: Socket }>;
}

/** A server with a queue of 16 MiB, `char` over and over. */
async function start(t: Test, char = 'x'): Promise<Given> {
  const wire = await startListening(t);
  const { queue } = await wire.queues.create('q', { maxBytes: 64 * MIB, reserve: false });
  const message = Buffer.from(char.repeat(Math.floor(MIB / 16 / Buffer.byteLength(char))));
  await queue.push(batchOf(Array.from({ length: 256 }, () => message)));
  const open: Given['open'] = async () => {
    const accepted = once(wire.app.server, 'connection') as Promise<[Socket]>;
    const { socket: client } = await RawConnection.to(wire.port);
    t.teardown(() => client.destroy());
    return { client, server: (await accepted)[0] };
  };
  return { wire, queue, open };
}

/** How long the answer to a read of everything is, with nobody else there. */
async function wholeLength({ wire }: Given): Promise<number> {
  const { body } = await wire.send({ path: WHOLE });
  return body.length;
}

/** Resolves when so many requests have come from now on. */
function requests({ app: { server } }: RealWire, count: number): Promise<void> {
  let left = count;
  return new Promise((resolve) => {
    const one = (): void => {
      left--;
      if (left > 0) return;
      server.off('request', one);
      resolve();
    };
    server.on('request', one);
  });
}

/** Holds up what changes a cursor until it is called. */
function holdCursors(queue: Queue): () => void {
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const move = queue.moveCursor.bind(queue);
  queue.moveCursor = async (change) => {
    await released;
    return move(change);
  };
  return release;
}

/** Resolves to what `waitFor` of a queue resolves to when it is called next. */
function nextWait(queue: Queue): Promise<boolean> {
  const waitFor = queue.waitFor.bind(queue);
  return new Promise((resolve) => {
    queue.waitFor = (id, signal) => {
      const waited = waitFor(id, signal);
      resolve(waited);
      return waited;
    };
  });
}

async function leave(client: Socket, server: Socket): Promise<void> {
  // With a reset it fails first.
  const closed = new Promise((resolve) => server.once('close', resolve));
  client.destroy();
  await closed;
}

t.test('answers to clients that left while their ack was stored are not waited for', async (t) => {
  const given = await start(t);
  const { wire, queue, open } = given;
  const whole = await wholeLength(given);
  await queue.moveCursor({ kind: 'open', name: 'c', position: 0, move: false });
  const release = holdCursors(queue);
  for (let i = 0; i < 4; i++) {
    const { client, server } = await open();
    const asked = requests(wire, 1);
    client.write(get(`${WHOLE}&cursor=c&ack=0`, BINARY));
    await asked;
    await leave(client, server);
  }
  release();
  // Stored behind theirs.
  await queue.moveCursor({ kind: 'ack', name: 'c', id: 0 });
  t.equal(await wholeLength(given), whole);
});

t.test('an answer is not waited for when its connection ends, nor are those behind it', async (t) => {
  const given = await start(t);
  const { wire, open } = given;
  const whole = await wholeLength(given);
  const { client, server } = await open();
  client.pause();
  const asked = requests(wire, 4);
  client.write(get(WHOLE, BINARY).repeat(4));
  await asked;
  t.ok((await wholeLength(given)) < whole, 'as long as they wait, others get less');
  await leave(client, server);
  t.equal(await wholeLength(given), whole);
});

t.test('little is read for a client that left before its turn', async (t) => {
  const { wire, queue, open } = await start(t);
  await queue.moveCursor({ kind: 'open', name: 'c', position: 0, move: false });
  const release = holdCursors(queue);
  const { client, server } = await open();
  const asked = requests(wire, 1);
  client.write(get(`${WHOLE}&cursor=c&ack=0`, BINARY));
  await asked;
  await leave(client, server);
  const read = queue.read.bind(queue);
  const count = new Promise<number>((resolve) => {
    queue.read = (options) => {
      const result = read(options);
      resolve(result.count);
      return result;
    };
  });
  release();
  t.equal(await count, 1);
});

t.test('answers are counted in bytes, not in characters', async (t) => {
  const given = await start(t, '€');
  const { wire, open } = given;
  const whole = await wholeLength(given);
  for (let i = 0; i < 2; i++) {
    const { client } = await open();
    const asked = requests(wire, 1);
    client.pause().write(get(WHOLE));
    await asked;
  }
  t.ok((await wholeLength(given)) < whole / 100, 'two of 16 MiB are all that is ample');
});

t.test('nobody waits for a client that left before the wait', { timeout: 30_000 }, async (t) => {
  const { wire, queue, open } = await start(t);
  await queue.moveCursor({ kind: 'open', name: 'c', position: 0, move: false });
  const poll = '/queues/q/messages?wait=60';

  const release = holdCursors(queue);
  const early = await open();
  const wait = nextWait(queue);
  const asked = requests(wire, 1);
  early.client.write(get(`${poll}&cursor=c&ack=255`));
  await asked;
  await leave(early.client, early.server);
  release();
  t.equal(await wait, false);
});

t.test('a connection that is kept has one listener, however much is asked on it', async (t) => {
  const { wire, open } = await start(t);
  const { client, server } = await open();
  const before = server.listenerCount('close');
  const asked = requests(wire, 30);
  client.resume().write(get('/queues/q/messages?from=next&wait=60').repeat(30));
  await asked;
  t.ok(server.listenerCount('close') <= before + 2, `${server.listenerCount('close')} listeners`);
});
