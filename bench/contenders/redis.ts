/**
 * Redis Streams, or Valkey's, which are the same.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Child, freePort, versionOf } from '../child.js';
import { respCall, respCommand, respConnection } from '../clients/resp.js';
import { type Contender, type Figure, median } from '../measure.js';
import type { Payload } from '../payloads.js';
import { Script } from '../script.js';
import { several, throughput } from '../throughput.js';

export type Fsync = 'always' | 'everysec';

export interface RedisServer {
  readonly name: string;
  readonly durability: string;
  readonly fsync: Fsync;
  readonly child: Child;
}

const DURABILITY: Readonly<Record<Fsync, string>> = {
  always: 'every answer after fsync',
  everysec: 'up to 1 s behind',
};

/** The newer one that is installed. */
export const redisProgram = (): string | undefined =>
  ['valkey-server', 'redis-server'].find((program) => versionOf(program) !== undefined);
const benchmarkProgram = (): string | undefined =>
  ['valkey-benchmark', 'redis-benchmark'].find((program) => versionOf(program) !== undefined);

export async function startRedis(program: string, directory: string, fsync: Fsync): Promise<RedisServer> {
  const dir = join(directory, `redis-${fsync}`);
  mkdirSync(dir);
  const port = await freePort();
  const words = ['--port', String(port), '--dir', dir, '--appendonly', 'yes', '--appendfsync', fsync, '--save', ''];
  const child = await Child.start(program, [...words, '--logfile', join(dir, 'log')], port);
  const name = `${program === 'valkey-server' ? 'Valkey' : 'Redis'} Streams ${fsync}`;
  return { name, durability: DURABILITY[fsync], fsync, child };
}

const addWords = (kept: number, message: string | Uint8Array): ReadonlyArray<string | Uint8Array> => [
  ...['XADD', 'bench', 'MAXLEN', '~', String(kept), '*', 'm'],
  message,
];

/** Connections that add to the stream. */
export const adders = ({ child }: RedisServer, { messages }: Payload, kept: number, count: number) =>
  several(count, () =>
    respConnection(child.port, new Script(messages.map((message) => respCommand(...addWords(kept, message))))),
  );

/** Adds, by redis-benchmark and by our own client in turns: the run of the stronger one counts. */
export function addContender(
  server: RedisServer,
  payload: Payload,
  kept: number,
  { clients, pipeline }: { clients: number; pipeline: number },
): Contender {
  const own = throughput({ ...server, connect: () => adders(server, payload, kept, clients) }, pipeline, 1);
  const distinct = new Set(payload.messages).size > 1;
  const program = distinct ? undefined : benchmarkProgram();
  if (program === undefined) return own;
  const words = ['-c', String(clients), '-P', String(pipeline), ...addWords(kept, String(payload.messages[0]))];
  const theirs = benchmark(program, server, words.map(String));
  const rates = { own: [] as number[], theirs: [] as number[] };
  const run = async (ms: number): Promise<Figure> => {
    // The first run of each decides for the rest.
    if (rates.own.length === 0) {
      rates.own.push((await own.run(ms / 2)).perSecond ?? 0);
      rates.theirs.push((await theirs(ms / 2)).perSecond ?? 0);
    }
    return median(rates.theirs) > median(rates.own) ? await theirs(ms) : await own.run(ms);
  };
  return { ...own, run };
}

/** Runs redis-benchmark for about so long. */
export function benchmark(program: string, { child }: RedisServer, words: readonly string[]) {
  let rate = 20_000;
  return async (ms: number): Promise<Figure> => {
    const count = Math.max(1000, Math.round((rate * ms) / 1000));
    const cpu = child.cpuMs;
    const text = await output(program, ['-p', String(child.port), '-n', String(count), '--csv', ...words]);
    // The first number behind the name of the test, which has commas of its own.
    rate = Number(/","([\d.]+)","/.exec(text.slice(text.indexOf('\n')))?.[1]);
    if (!(rate > 0)) throw new Error(`${program} said: ${text}`);
    return { perSecond: rate, cpuMicros: ((child.cpuMs - cpu) * 1000) / count };
  };
}

async function output(program: string, words: readonly string[]): Promise<string> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const piece of child.stdout) text += String(piece);
  return text;
}

/** Reads ranges of `limit` entries from random places of a stream whose ids are 1-1 to COUNT-1. */
export function rangeContender(server: RedisServer, count: number, limit: number, clients: number): Contender {
  const LINES_OF_ENTRY = 8;
  const request = (): Buffer =>
    respCommand('XRANGE', 'ranges', `${1 + Math.floor(Math.random() * (count - limit))}`, '+', 'COUNT', String(limit));
  const connect = () =>
    several(clients, () =>
      respConnection(server.child.port, new Script(Array.from({ length: 512 }, request)), 1 + LINES_OF_ENTRY * limit),
    );
  return throughput({ ...server, connect }, 1, limit);
}

/** Fills the stream of {@link rangeContender}. */
export async function fillRanges(server: RedisServer, { messages }: Payload, count: number): Promise<void> {
  // It may have that of another payload.
  await respCall(server.child.port, 'DEL', 'ranges');
  const commands = Array.from({ length: count }, (_, i) =>
    respCommand('XADD', 'ranges', `${i + 1}-1`, 'm', messages[i % messages.length] as Buffer),
  );
  const connection = await respConnection(server.child.port, new Script(commands));
  const PIECE = 1000;
  for (let sent = 0; sent < count; sent += PIECE) {
    let left = PIECE;
    await new Promise<void>((resolve) => {
      connection.onAnswers = (answers) => {
        left -= answers;
        if (left === 0) resolve();
      };
      connection.send(PIECE);
    });
  }
  connection.close();
}
