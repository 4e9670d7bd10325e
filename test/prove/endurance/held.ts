/**
 * Clients that are a nuisance: they ask for something, take nothing of it, and go away later.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSocket } from '../../../bench/clients/connection.js';
import { httpRequest } from '../../../bench/clients/http.js';
import { upgrade } from '../../../bench/clients/web-socket.js';
import { BATCH_PROTOCOL, TEXT_PROTOCOL } from '../../../src/protocol/api.js';
import type { Random } from '../random.js';
import type { Notes } from './notes.js';
import { LOADS } from './queues.js';

/** At the same time, and how long each is held; ms. */
const HOLDERS = 12;
const LEAST_MS = 1000;
const MOST_MS = 90_000;
const PAUSE_MS = 1000;

type Way = (port: number, queue: string) => Promise<Socket>;

const asked =
  (text: (queue: string) => Uint8Array): Way =>
  async (port, queue) => {
    const socket = await openSocket(port);
    socket.write(text(queue));
    return socket;
  };

const WAYS: Readonly<Record<string, Way>> = {
  'tails held': (port, queue) => upgrade(port, `/queues/${queue}/tail?from=oldest`, BATCH_PROTOCOL),
  'tails in text held': (port, queue) => upgrade(port, `/queues/${queue}/tail?from=oldest`, TEXT_PROTOCOL),
  'tails over events held': asked((queue) => httpRequest('GET', `/queues/${queue}/tail?from=oldest`, {})),
  'reads held': asked((queue) => httpRequest('GET', `/queues/${queue}/messages?limit=10000&maxBytes=16777216`, {})),
  'pushes of which the half came': asked((queue) =>
    httpRequest('POST', `/queues/${queue}/messages`, {}, Buffer.alloc(1000, 'x')).subarray(0, -500),
  ),
  'push sockets held': (port, queue) => upgrade(port, `/queues/${queue}/push`, TEXT_PROTOCOL),
  'idle connections': openSocket,
};

async function holder(port: number, random: Random, notes: Notes): Promise<void> {
  const { signal } = notes.over;
  while (!notes.isOver) {
    const [name, way] = random.pick(Object.entries(WAYS));
    try {
      const socket = await way(port, random.pick(LOADS).name);
      socket.on('error', () => undefined).pause();
      notes.count(name);
      await sleep(random.spread(LEAST_MS, MOST_MS), undefined, { signal }).catch(() => undefined);
      socket.destroy();
    } catch {
      // The server is not there at the moment, or says so.
      await sleep(PAUSE_MS);
    }
  }
}

/** All of them. Resolves after the run is over. */
export async function hold(port: number, random: Random, notes: Notes): Promise<void> {
  await Promise.all(Array.from({ length: HOLDERS }, (_, i) => holder(port, random.fork(i), notes)));
}
