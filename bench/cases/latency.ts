/**
 * One durable push alone, and from a push to its delivery on an idle tail.
 */
import type { Connection } from '../clients/connection.js';
import { frameReader, upgrade } from '../clients/web-socket.js';
import { rawDisk } from '../contenders/limits.js';
import { createStream, natsStream } from '../contenders/nats.js';
import { adders } from '../contenders/redis.js';
import { DURABLE, framePushers, ROTERA, singlePushers } from '../contenders/rotera.js';
import { type CaseResult, type Contender, type Figure, measure } from '../measure.js';
import type { Payload } from '../payloads.js';
import type { Stage } from '../stage.js';
import { latency, percentiles } from '../throughput.js';
import { newName, newQueue } from './pushes.js';

const KEPT = 200_000;
const PAGE_BYTES = 4096;

export async function pushLatency(stage: Stage, payload: Payload): Promise<CaseResult> {
  const { rotera: child, directory, pace } = stage;
  const queue = await newQueue(stage, payload);
  const [http] = await singlePushers(child, queue, payload, 1);
  const [socket] = await framePushers(child, queue, payload, 1);
  const contenders = [
    latency(ROTERA, DURABLE, http as Connection),
    latency(`${ROTERA}, WebSocket`, DURABLE, socket as Connection),
  ];
  for (const server of stage.redis) {
    const [connection] = await adders(server, payload, KEPT, 1);
    contenders.push(latency(server.name, server.durability, connection as Connection));
  }
  for (const server of stage.nats) {
    const stream = newName();
    await createStream(server, stream, KEPT);
    contenders.push(latency(server.name, server.durability, await natsStream(server, stream, payload)));
  }
  contenders.push(rawDisk(directory, PAGE_BYTES, 1));
  const series = await measure(contenders, pace);
  return { id: 'latency', title: 'One durable push alone', payload: payload.name, series };
}

export async function delivery(stage: Stage, payload: Payload): Promise<CaseResult> {
  const { rotera: child, pace } = stage;
  const queue = await newQueue(stage, payload);
  const [alone] = await singlePushers(child, queue, payload, 1);
  const contenders = [latency(ROTERA, DURABLE, alone as Connection), await delivered(stage, payload)];
  const series = await measure(contenders, pace);
  return { id: 'delivery', title: 'From a push to its delivery on an idle tail', payload: payload.name, series };
}

/** Times from the sending of a push to its arrival on a tail that waits. */
async function delivered(stage: Stage, payload: Payload): Promise<Contender> {
  const queue = await newQueue(stage, payload);
  const [pusher] = (await singlePushers(stage.rotera, queue, payload, 1)) as [Connection];
  const tail = await upgrade(stage.rotera.port, `/queues/${queue}/tail`, 'rotera.batch.v1');
  let arrived = (): void => undefined;
  // Control frames are text, messages are binary.
  const read = frameReader(tail, (_, isText) => {
    if (!isText) arrived();
  });
  tail.on('data', read);
  const run = async (ms: number): Promise<Figure> => {
    const times: number[] = [];
    for (const end = performance.now() + ms; performance.now() < end; ) {
      const start = performance.now();
      const acknowledged = new Promise<void>((resolve) => {
        pusher.onAnswers = () => resolve();
      });
      await new Promise<void>((resolve) => {
        arrived = resolve;
        pusher.send(1);
      });
      times.push(performance.now() - start);
      await acknowledged;
    }
    return percentiles(times);
  };
  const close = (): void => {
    pusher.close();
    tail.destroy();
  };
  return { name: 'push to delivery', durability: 'delivered when durable', run, close };
}
