/**
 * Queues in a directory of their own, and short words for what tests do with them.
 */
import type { Test } from 'tap';
import { batchOf, messagesOf } from '../../src/batch.js';
import { parseFrom } from '../../src/from.js';
import type { Stored } from '../../src/queue/group.js';
import type { Limits } from '../../src/queue/limits.js';
import { resolveFrom } from '../../src/queue/position.js';
import type { Queue } from '../../src/queue/queue.js';
import { Queues, type QueuesOptions } from '../../src/queue/queues.js';
import type { ReadResult } from '../../src/queue/read.js';

export const MIB = 1024 * 1024;
/** A queue that costs little to make. */
export const SMALL: Partial<Limits> = { maxBytes: MIB, reserve: false };

/** The queues of a directory, closed at the end of the test. Looks at the directory only when it is told to (`rescan`). */
export async function openQueues(
  t: Test,
  directory: string,
  now: () => number = Date.now,
  options: Pick<QueuesOptions, 'onCommit'> = {},
): Promise<Queues> {
  const queues = await Queues.open(directory, { ...options, now, pollMs: 0 });
  t.teardown(() => queues.close());
  return queues;
}

/** A queue in a directory of its own. */
export async function makeQueue(t: Test, limits: Partial<Limits> = {}, now?: () => number): Promise<Queue> {
  const queues = await openQueues(t, t.testdir(), now);
  return (await queues.create('q', { ...SMALL, ...limits })).queue;
}

export const pushTexts = (queue: Queue, ...texts: string[]): Promise<Stored> =>
  queue.push(batchOf(texts.map((text) => Buffer.from(text))));

/** A read as the wire asks for it. */
export const readFrom = (queue: Queue, from: string | number, limit = 1_000_000, maxBytes = 16 * MIB): ReadResult =>
  queue.read({ from: resolveFrom(parseFrom(String(from)), queue, Date.now()), limit, maxBytes });

export const messages = (result: ReadResult): Buffer[] =>
  result.slices.flatMap((slice) => [...messagesOf(slice.records)].map((message) => Buffer.from(message)));

export const texts = (result: ReadResult): string[] => messages(result).map((message) => message.toString());

/** Everything that is kept, read piece by piece, with the gap at the very start if there is one. */
export function readAll(queue: Queue, limit = 1000): { texts: string[]; gaps: ReadResult['gap'][] } {
  const all: string[] = [];
  const gaps: ReadResult['gap'][] = [];
  for (let from = 0; ; ) {
    const result = readFrom(queue, from, limit);
    if (result.gap !== null) gaps.push(result.gap);
    all.push(...texts(result));
    from = result.next;
    if (result.upToDate) return { texts: all, gaps };
  }
}

/** A repeatable sequence of numbers in `[0, below)` (a linear congruential generator, Numerical Recipes). */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Repeatable bytes. */
export function bytes(length: number, seed: number): Buffer {
  const next = seeded(seed);
  const buffer = Buffer.alloc(length);
  for (let at = 0; at < length; at++) buffer[at] = next(256);
  return buffer;
}
