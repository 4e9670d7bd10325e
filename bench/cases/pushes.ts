/**
 * Pushes: batches of 1,000, one message a request, one message a frame.
 */

import { bareFastify, bareSocket, rawDisk } from '../contenders/limits.js';
import { batchContender, createStream, publishContender } from '../contenders/nats.js';
import { addContender } from '../contenders/redis.js';
import { batchPushers, createQueue, DURABLE, framePushers, ROTERA, singlePushers } from '../contenders/rotera.js';
import { type CaseResult, measure } from '../measure.js';
import { BATCH, type Payload } from '../payloads.js';
import type { Stage } from '../stage.js';
import { throughput } from '../throughput.js';

/** Messages that everyone keeps: few enough that everyone rotates all the time. */
const KEPT = 200_000;

/** A name that no server knows yet. */
let names = 0;
export const newName = (): string => `bench${++names}`;

/** A queue for a case. */
export async function newQueue({ rotera }: Stage, payload: Payload, kept = KEPT): Promise<string> {
  const queue = newName();
  await createQueue(rotera, queue, { maxMessages: kept, maxBytes: Math.ceil(kept * payload.bytes * 1.1) });
  return queue;
}

async function newStream(server: Stage['nats'][number]): Promise<string> {
  const stream = newName();
  await createStream(server, stream, KEPT);
  return stream;
}

/** Batches of 1,000 over HTTP, 4 in flight. */
export async function batches(stage: Stage, payload: Payload): Promise<CaseResult> {
  const CLIENTS = 4;
  const { rotera: child, directory, pace } = stage;
  const queue = await newQueue(stage, payload);
  const connect = () => batchPushers(child, queue, payload, CLIENTS);
  const bytes = payload.messages.reduce((sum, { length }) => sum + length + 4, 0);
  const contenders = [throughput({ name: ROTERA, durability: DURABLE, child, connect }, 1, BATCH)];
  for (const server of stage.redis)
    contenders.push(addContender(server, payload, KEPT, { clients: CLIENTS, pipeline: BATCH }));
  for (const server of stage.nats) {
    const options = { clients: CLIENTS, pipeline: BATCH };
    contenders.push(publishContender(server, await newStream(server), payload, options));
    contenders.push(batchContender(server, await newStream(server), payload, CLIENTS));
  }
  contenders.push(rawDisk(directory, bytes, BATCH));
  contenders.push(await bareFastify(Buffer.alloc(bytes), BATCH, CLIENTS));
  contenders.push(await bareSocket({ in: bytes, out: 1 }, BATCH, { clients: CLIENTS, depth: 1 }));
  const title = `Push: batches of ${BATCH} over HTTP, ${CLIENTS} in flight`;
  return { id: 'batches', title, payload: payload.name, series: await measure(contenders, pace) };
}

/** One message a request, 64 connections. */
export async function singles(stage: Stage, payload: Payload): Promise<CaseResult> {
  const CLIENTS = 64;
  const { rotera: child, pace } = stage;
  const queue = await newQueue(stage, payload);
  const connect = () => singlePushers(child, queue, payload, CLIENTS);
  const contenders = [throughput({ name: ROTERA, durability: DURABLE, child, connect }, 1, 1)];
  for (const server of stage.redis)
    contenders.push(addContender(server, payload, KEPT, { clients: CLIENTS, pipeline: 1 }));
  for (const server of stage.nats)
    contenders.push(publishContender(server, await newStream(server), payload, { clients: CLIENTS, pipeline: 1 }));
  contenders.push(await bareFastify(payload.messages[0] as Buffer, 1, CLIENTS));
  const title = `Push: one message a request, ${CLIENTS} connections`;
  return { id: 'singles', title, payload: payload.name, series: await measure(contenders, pace) };
}

/** One message a frame, 4 WebSockets, 256 in flight each. */
export async function frames(stage: Stage, payload: Payload): Promise<CaseResult> {
  const CLIENTS = 4;
  const DEPTH = 256;
  const { rotera: child, pace } = stage;
  const queue = await newQueue(stage, payload);
  const connect = () => framePushers(child, queue, payload, CLIENTS);
  const contenders = [throughput({ name: ROTERA, durability: DURABLE, child, connect }, DEPTH, 1)];
  for (const server of stage.redis)
    contenders.push(addContender(server, payload, KEPT, { clients: CLIENTS, pipeline: DEPTH }));
  for (const server of stage.nats)
    contenders.push(publishContender(server, await newStream(server), payload, { clients: CLIENTS, pipeline: DEPTH }));
  const bytes = { in: Math.round(payload.bytes) + 8, out: 48 };
  contenders.push(await bareSocket(bytes, 1, { clients: CLIENTS, depth: DEPTH }));
  const title = `Push: one message a frame, ${CLIENTS} WebSockets, ${DEPTH} in flight each`;
  return { id: 'frames', title, payload: payload.name, series: await measure(contenders, pace) };
}
