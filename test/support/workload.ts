/**
 * Messages that can be told from their id alone, and queues filled with them.
 */
import { batchOf } from '../../src/batch.js';
import type { Limits } from '../../src/queue/limits.js';
import { Queues } from '../../src/queue/queues.js';
import { random } from './damage.js';

const LONGEST = 2000;

/** The message that is pushed under an id: 9 to some hundred bytes, now and then more. */
export function messageOf(id: number): Buffer {
  const next = random(id + 1);
  const message = Buffer.alloc(8 + 1 + (next(20) === 0 ? next(LONGEST) : next(200)), next(256));
  message.writeDoubleLE(id);
  return message;
}

export const isMessage = (id: number, message: Uint8Array): boolean => messageOf(id).equals(message);

/** Makes a queue and pushes `pushes` batches of up to `most` messages; closed on return. @returns the ids it keeps: `[oldest, next)` */
export async function fillQueue(
  directory: string,
  name: string,
  { limits, pushes, most, seed }: { limits: Partial<Limits>; pushes: number; most: number; seed: number },
): Promise<{ oldest: number; next: number }> {
  const queues = await Queues.open(directory, { now: () => Date.now(), pollMs: 0 });
  await queues.create(name, limits);
  const queue = queues.get(name);
  const next = random(seed);
  for (let i = 0; i < pushes; i++) {
    const first = queue.next;
    await queue.push(batchOf(Array.from({ length: 1 + next(most) }, (_, index) => messageOf(first + index))));
  }
  const { oldest } = queue;
  const { next: end } = queue;
  await queues.close();
  return { oldest, next: end };
}
