/**
 * How the cost of a push and a read grows: with messages kept, rotations, queues and the size of a message.
 */
import type { Connection } from '../clients/connection.js';
import { httpConnection } from '../clients/http.js';
import {
  batchPushers,
  batchRequest,
  createQueue,
  DURABLE,
  fill,
  rangeReaders,
  singleRequest,
} from '../contenders/rotera.js';
import { type CaseResult, type Contender, type Figure, measure } from '../measure.js';
import { BATCH, fixed, type Payload } from '../payloads.js';
import { Script } from '../script.js';
import type { Stage } from '../stage.js';
import { several, throughput } from '../throughput.js';
import { newName, newQueue } from './pushes.js';

const READ = 1000;
const CLIENTS = 4;

function pushes({ rotera: child }: Stage, queue: string, payload: Payload, name: string): Contender {
  const connect = () => batchPushers(child, queue, payload, CLIENTS);
  return throughput({ name, durability: DURABLE, child, connect }, 1, payload.messages.length);
}

/** Batches pushed to, and random ranges read from, full queues of 10 thousand to 10 million messages. */
export async function keptCurve(stage: Stage, payload: Payload): Promise<CaseResult[]> {
  const { rotera: child } = stage;
  const sizes = stage.quick ? [10_000, 100_000, 1_000_000] : [10_000, 100_000, 1_000_000, 10_000_000];
  const pushing: Contender[] = [];
  const reading: Contender[] = [];
  for (const kept of sizes) {
    const queue = await newQueue(stage, payload, kept);
    // Full, and once round, so that all of them rotate.
    await fill(stage.rotera, queue, payload, kept * 1.2);
    pushing.push(pushes(stage, queue, payload, String(kept)));
    const still = await newQueue(stage, payload, kept);
    await fill(stage.rotera, still, payload, kept);
    const connect = () => rangeReaders(child, still, { from: 0, to: kept, limit: READ }, CLIENTS);
    reading.push(throughput({ name: String(kept), durability: DURABLE, child, connect }, 1, READ));
  }
  return [
    {
      id: 'growth-kept-push',
      title: 'Messages pushed a second against messages kept',
      payload: payload.name,
      series: await measure(pushing, stage.pace),
    },
    {
      id: 'growth-kept-read',
      title: 'Messages read a second against messages kept',
      payload: payload.name,
      series: await measure(reading, stage.pace),
    },
  ];
}

/** Batches pushed to a queue that rotates for the first time, and to ones that have done so many times. */
export async function rotationCurve(stage: Stage, payload: Payload): Promise<CaseResult> {
  const kept = stage.quick ? 20_000 : 100_000;
  const rotated = async (rotations: number): Promise<string> => {
    const queue = await newQueue(stage, payload, kept);
    await fill(stage.rotera, queue, payload, kept * rotations);
    return queue;
  };
  const first = async (ms: number): Promise<Figure> => {
    // A queue of its own each time, since measuring goes on rotating it; and not for long.
    const contender = pushes(stage, await rotated(1), payload, '1');
    const figure = await contender.run(Math.min(ms, 1000));
    await contender.close();
    return figure;
  };
  const contenders: Contender[] = [{ name: '1', durability: DURABLE, run: first, close: () => undefined }];
  for (const rotations of [10, 100])
    contenders.push(pushes(stage, await rotated(rotations), payload, String(rotations)));
  const series = await measure(contenders, stage.pace);
  const title = 'Messages pushed a second against rotations so far';
  return { id: 'growth-rotations', title, payload: payload.name, series };
}

/** One message a request over 64 connections, spread over 1 to 1,000 queues. */
export async function queueCurve(stage: Stage, payload: Payload): Promise<CaseResult> {
  const CONNECTIONS = 64;
  const { rotera: child } = stage;
  const message = payload.messages[0] as Buffer;
  const contenders: Contender[] = [];
  for (const count of stage.quick ? [1, 10, 100] : [1, 10, 100, 1000]) {
    const names = await several(count, async () => {
      const name = newName();
      await createQueue(stage.rotera, name, { maxMessages: 10_000, maxBytes: 4 * 1024 * 1024, reserve: false });
      return name;
    });
    const connect = (): Promise<Connection[]> =>
      several(CONNECTIONS, (i) => {
        const own = names.map((_, at) => names[(at * CONNECTIONS + i) % count] as string);
        return httpConnection(child.port, new Script(own.map((name) => singleRequest(name, message))));
      });
    contenders.push(throughput({ name: String(count), durability: DURABLE, child, connect }, 1, 1));
  }
  const series = await measure(contenders, stage.pace);
  return { id: 'growth-queues', title: 'Messages pushed a second against queues', payload: payload.name, series };
}

/** Batches of 1,000 messages, or of a mebibyte where that is less, against the size of a message. */
export async function sizeCurve(stage: Stage): Promise<CaseResult> {
  const MIB = 1024 * 1024;
  const { rotera: child } = stage;
  const contenders: Contender[] = [];
  for (const size of [10, 100, 1024, 10_240, 102_400, MIB]) {
    const queue = newName();
    await createQueue(stage.rotera, queue, { maxMessages: 200_000, maxBytes: 64 * MIB });
    const count = Math.max(1, Math.min(BATCH, Math.floor(MIB / size)));
    const request = batchRequest(queue, fixed(size).messages.slice(0, count));
    const connect = () => several(CLIENTS, () => httpConnection(child.port, new Script([request])));
    contenders.push(throughput({ name: String(size), durability: DURABLE, child, connect }, 1, count));
  }
  const series = await measure(contenders, stage.pace);
  return { id: 'growth-size', title: 'Messages pushed a second against their size in bytes', payload: '', series };
}
