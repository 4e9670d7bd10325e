/**
 * Reads: ranges of 1,000 messages from random places, binary, 8 connections.
 */
import { bareSocket } from '../contenders/limits.js';
import { fillRanges, rangeContender } from '../contenders/redis.js';
import { fill, ROTERA, rangeReaders } from '../contenders/rotera.js';
import { type CaseResult, measure } from '../measure.js';
import type { Payload } from '../payloads.js';
import type { Stage } from '../stage.js';
import { throughput } from '../throughput.js';
import { newQueue } from './pushes.js';

const KEPT = 200_000;
const LIMIT = 1000;
const CLIENTS = 8;

export async function ranges(stage: Stage, payload: Payload): Promise<CaseResult> {
  const { rotera: child, pace } = stage;
  const queue = await newQueue(stage, payload, KEPT);
  await fill(child, queue, payload, KEPT);
  const connect = () => rangeReaders(child, queue, { from: 0, to: KEPT, limit: LIMIT }, CLIENTS);
  const contenders = [
    throughput({ name: ROTERA, durability: 'reads durable messages only', child, connect }, 1, LIMIT),
  ];
  // Reading does not depend on when Redis syncs: one of them will do.
  for (const server of stage.redis.slice(0, 1)) {
    await fillRanges(server, payload, KEPT);
    contenders.push({
      ...rangeContender(server, KEPT, LIMIT, CLIENTS),
      durability: 'reads what is not durable yet, too',
    });
  }
  const bytes = { in: 100, out: LIMIT * Math.round(payload.bytes + 4) };
  contenders.push(await bareSocket(bytes, LIMIT, { clients: CLIENTS, depth: 1 }));
  const title = `Read: ranges of ${LIMIT} from random places, binary, ${CLIENTS} connections`;
  return { id: 'ranges', title, payload: payload.name, series: await measure(contenders, pace) };
}
