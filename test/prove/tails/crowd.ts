/**
 * Tails on one queue, as bytes: those that read everything and time each delivery, and those that never read.
 */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { frameReader, upgrade } from '../../../bench/clients/web-socket.js';
import { several } from '../../../bench/throughput.js';
import { messagesOf } from '../../../src/batch.js';
import { BATCH_PROTOCOL } from '../../../src/protocol/api.js';
import { QUEUE } from '../restarts/producer.js';

/** What stands before the records of a binary frame; bytes. */
const HEADER_BYTES = 24;
const LOOK_MS = 20;
const PATIENCE_MS = 60_000;
const PATH = `/queues/${QUEUE}/tail`;

/** A message says when it was pushed, on this process's clock; ms. */
export const stamp = (): string => performance.now().toFixed(3);

/** Tails that read. */
export class Readers {
  /** From the push to its arrival, one for each delivery; ms. */
  latencies: number[] = [];
  #sockets: Socket[] = [];

  constructor(readonly port: number) {}

  get count(): number {
    return this.#sockets.length;
  }

  async open(count: number): Promise<void> {
    this.#sockets = await several(count, async () => {
      const socket = await upgrade(this.port, PATH, BATCH_PROTOCOL);
      const read = frameReader(socket, (frame, isText) => isText || this.#take(frame));
      return socket.on('data', (piece) => read(piece as Buffer));
    });
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #take(frame: Buffer): void {
    const now = performance.now();
    for (const message of messagesOf(frame.subarray(HEADER_BYTES)))
      this.latencies.push(now - Number(message.toString()));
  }
}

/** Tails that ask for all there is and take nothing of it. */
export async function openSilent(port: number, count: number): Promise<readonly Socket[]> {
  return several(count, async () => (await upgrade(port, `${PATH}?from=oldest`, BATCH_PROTOCOL)).pause());
}

/** What a server says of itself. @throws when it does not */
export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const value = Number(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  if (!Number.isFinite(value)) throw new Error(`The server does not tell ${name}.`);
  return value;
}

/** Resolves once it holds. @throws when it never does */
export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`It never came to this: ${what}.`);
    await sleep(LOOK_MS);
  }
}
