/**
 * What an idle queue and an idle tail cost in memory.
 */
import type { Child } from '../child.js';
import { upgrade } from '../clients/web-socket.js';
import { createQueue, startRotera } from '../contenders/rotera.js';
import type { CaseResult, Series } from '../measure.js';
import type { Stage } from '../stage.js';
import { several } from '../throughput.js';

const QUEUES = 200;
const TAILS = 1000;
/** Long enough for a server that was busy to come to rest. */
const REST_MS = 3000;

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, REST_MS));

/** Resident memory of a server that was just started on a directory. */
async function residentOnStart(directory: string): Promise<number> {
  const child = await startRotera(directory);
  await rest();
  const bytes = child.residentBytes;
  await child.stop();
  return bytes;
}

async function openTails({ port }: Child, count: number): Promise<void> {
  await several(count, () => upgrade(port, '/queues/q0/tail', 'rotera.batch.v1'));
  await rest();
}

const series = (name: string, durability: string, bytes: number): Series => ({
  name,
  durability,
  figures: [{ perSecond: bytes / 1024 }],
});

/** In KiB: the difference that 200 queues make, and that the second 1,000 tails make, shared out. */
export async function memory(stage: Stage): Promise<CaseResult> {
  const directory = stage.newDirectory('memory');
  const maker = await startRotera(directory);
  const limits = { maxMessages: 1_000_000, maxBytes: 64 * 1024 * 1024, reserve: false };
  await createQueue(maker, 'q0', limits);
  await maker.stop();
  const one = await residentOnStart(directory);
  const again = await startRotera(directory);
  for (let i = 1; i <= QUEUES; i++) await createQueue(again, `q${i}`, limits);
  await again.stop();
  const many = await residentOnStart(directory);
  const child = await startRotera(directory);
  await openTails(child, TAILS);
  const before = child.residentBytes;
  await openTails(child, TAILS);
  const tail = (child.residentBytes - before) / TAILS;
  await child.stop();
  return {
    id: 'memory',
    title: 'Resident memory, KiB',
    payload: 'none',
    series: [
      series('idle queue', `with ${QUEUES} of them`, (many - one) / QUEUES),
      series('idle tail', `WebSocket, with ${2 * TAILS} of them`, tail),
      series('server with one queue', 'all of it', one),
    ],
  };
}
