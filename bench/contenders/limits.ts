/**
 * What the machine allows: the same bytes written and synced, taken by the bare framework, moved through a socket.
 */
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child, freePort } from '../child.js';
import { Connection, openSocket } from '../clients/connection.js';
import { httpConnection, httpRequest } from '../clients/http.js';
import type { Contender, Figure } from '../measure.js';
import { Script } from '../script.js';
import { percentiles, several, throughput } from '../throughput.js';

const FILE_BYTES = 64 * 1024 * 1024;
const NO_PROMISE = 'none';

/**
 * Writes and syncs `bytes` again and again, over a file that has its room already.
 * @param messages that so many bytes stand for
 */
export function rawDisk(directory: string, bytes: number, messages: number): Contender {
  const file = openSync(join(directory, `raw-${bytes}`), 'w+');
  const piece = Buffer.alloc(bytes, 'r');
  for (let at = 0; at < FILE_BYTES; at += piece.length) writeSync(file, piece, 0, piece.length, at);
  fdatasyncSync(file);
  const run = async (ms: number): Promise<Figure> => {
    const times: number[] = [];
    const start = performance.now();
    for (let at = 0; performance.now() - start < ms; at = (at + bytes) % FILE_BYTES) {
      const before = performance.now();
      writeSync(file, piece, 0, bytes, at);
      fdatasyncSync(file);
      times.push(performance.now() - before);
    }
    const perSecond = (times.length * messages * 1000) / (performance.now() - start);
    return { perSecond, ...percentiles(times) };
  };
  return { name: 'raw write + fdatasync', durability: 'each write', run, close: () => closeSync(file) };
}

const servers = (name: string): string => fileURLToPath(new URL(`../servers/${name}.js`, import.meta.url));

/** The same requests to a Fastify route that throws the body away. */
export async function bareFastify(body: Uint8Array, messages: number, clients: number): Promise<Contender> {
  const port = await freePort();
  const child = await Child.start(process.execPath, [servers('discard'), String(port)], port);
  const script = new Script([httpRequest('POST', '/discard', { 'Content-Type': 'application/octet-stream' }, body)]);
  const connect = () => several(clients, () => httpConnection(port, script));
  const contender = throughput({ name: 'bare Fastify route', durability: NO_PROMISE, child, connect }, 1, messages);
  return { ...contender, close: () => stopAll(contender, child) };
}

/** The same bytes through a socket of Node, in and out. */
export async function bareSocket(
  bytes: { in: number; out: number },
  messages: number,
  { clients, depth }: { clients: number; depth: number },
): Promise<Contender> {
  const port = await freePort();
  const child = await Child.start(
    process.execPath,
    [servers('mover'), String(port), String(bytes.in), String(bytes.out)],
    port,
  );
  const script = new Script([Buffer.alloc(bytes.in, '.')]);
  const connect = () =>
    several(clients, async () => {
      let had = 0;
      return new Connection(await openSocket(port), script, (piece) => {
        had += piece.length;
        const whole = Math.floor(had / bytes.out);
        had -= whole * bytes.out;
        return whole;
      });
    });
  const contender = throughput({ name: 'bare socket', durability: NO_PROMISE, child, connect }, depth, messages);
  return { ...contender, close: () => stopAll(contender, child) };
}

async function stopAll(contender: Contender, child: Child): Promise<void> {
  await contender.close();
  await child.stop();
}
