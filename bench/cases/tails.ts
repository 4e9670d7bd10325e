/**
 * Many tails on one queue: how many deliveries a second all of them get together.
 */
import type { Socket } from 'node:net';
import type { Child } from '../child.js';
import type { Connection } from '../clients/connection.js';
import { openSocket } from '../clients/connection.js';
import { respCommand } from '../clients/resp.js';
import { frameReader, upgrade } from '../clients/web-socket.js';
import { adders, type RedisServer } from '../contenders/redis.js';
import { DURABLE, ROTERA, singlePushers } from '../contenders/rotera.js';
import { type CaseResult, type Contender, type Figure, measure } from '../measure.js';
import type { Payload } from '../payloads.js';
import type { Stage } from '../stage.js';
import { several } from '../throughput.js';
import { newQueue } from './pushes.js';

const KEPT = 200_000;
/** A push goes out when all have what was pushed so many pushes before. */
const AHEAD = 8;

/** What the tails have got, all together. */
interface Deliveries {
  count: number;
  /** Called after each piece that has arrived. */
  more: () => void;
}

interface FanOut {
  readonly name: string;
  readonly durability: string;
  readonly child: Child;
  readonly pusher: Connection;
  readonly tails: readonly Socket[];
  readonly deliveries: Deliveries;
}

function contender({ name, durability, child, pusher, tails, deliveries }: FanOut): Contender {
  const run = async (ms: number): Promise<Figure> => {
    deliveries.count = 0;
    const cpu = child.cpuMs;
    const start = performance.now();
    let pushed = 0;
    let acknowledged = 0;
    await new Promise<void>((resolve) => {
      const next = (): void => {
        const due = pushed * tails.length;
        if (performance.now() - start >= ms) {
          if (deliveries.count >= due && acknowledged === pushed) resolve();
        } else if (acknowledged === pushed && deliveries.count >= due - AHEAD * tails.length) {
          pushed++;
          pusher.send(1);
        }
      };
      deliveries.more = next;
      pusher.onAnswers = (count) => {
        acknowledged += count;
        next();
      };
      next();
    });
    const seconds = (performance.now() - start) / 1000;
    return { perSecond: deliveries.count / seconds, cpuMicros: ((child.cpuMs - cpu) * 1000) / deliveries.count };
  };
  const close = (): void => {
    pusher.close();
    for (const tail of tails) tail.destroy();
  };
  return { name, durability, run, close };
}

const COUNT_OFFSET = 16;

/** Tails over WebSockets, in the binary form. */
async function roteraTails(stage: Stage, payload: Payload, count: number): Promise<Contender> {
  const { rotera: child } = stage;
  const queue = await newQueue(stage, payload);
  const deliveries: Deliveries = { count: 0, more: () => undefined };
  const tails = await several(count, async () => {
    const socket = await upgrade(child.port, `/queues/${queue}/tail`, 'rotera.batch.v1');
    const read = frameReader(socket, (frame, isText) => {
      if (!isText) deliveries.count += frame.readUInt32LE(COUNT_OFFSET);
    });
    socket.on('data', (piece) => {
      read(piece as Buffer);
      deliveries.more();
    });
    return socket;
  });
  const [pusher] = (await singlePushers(child, queue, payload, 1)) as [Connection];
  return contender({ name: ROTERA, durability: DURABLE, child, pusher, tails, deliveries });
}

/** Clients that each repeat `XREAD BLOCK`. */
async function redisTails(server: RedisServer, payload: Payload, count: number): Promise<Contender> {
  const deliveries: Deliveries = { count: 0, more: () => undefined };
  const tails = await several(count, async () => {
    const socket = await openSocket(server.child.port);
    const ask = (after: string): void => {
      socket.write(respCommand('XREAD', 'COUNT', '1000', 'BLOCK', '0', 'STREAMS', 'bench', after));
    };
    let text = '';
    socket.on('data', (piece) => {
      text += (piece as Buffer).toString('latin1');
      const ids = text.match(/\r\n\d+-\d+\r\n/g) ?? [];
      // Each entry is eight lines behind the four of the stream.
      if (text.split('\r\n').length - 1 < 4 + 8 * Number(/^(?:.*\r\n){4}\*(\d+)/.exec(text)?.[1] ?? Infinity)) return;
      text = '';
      deliveries.count += ids.length;
      ask((ids.at(-1) as string).trim());
      deliveries.more();
    });
    ask('$');
    return socket;
  });
  const [pusher] = (await adders(server, payload, KEPT, 1)) as [Connection];
  return contender({ ...server, pusher, tails, deliveries });
}

/** @param count tails */
export async function tails(stage: Stage, payload: Payload, count: number): Promise<CaseResult> {
  const contenders = [await roteraTails(stage, payload, count)];
  for (const server of stage.redis) contenders.push(await redisTails(server, payload, count));
  const series = await measure(contenders, stage.pace);
  return {
    id: 'tails',
    title: `Tail: ${count} tails on one queue, deliveries a second`,
    payload: payload.name,
    series,
  };
}

/** Against the number of tails. */
export async function tailCurve(stage: Stage, payload: Payload): Promise<CaseResult> {
  const contenders: Contender[] = [];
  for (const count of stage.quick ? [1, 100, 1000] : [1, 10, 100, 1000, 2000])
    contenders.push({ ...(await roteraTails(stage, payload, count)), name: String(count) });
  const series = await measure(contenders, stage.pace);
  return { id: 'growth-tails', title: 'Deliveries a second against tails on one queue', payload: payload.name, series };
}
