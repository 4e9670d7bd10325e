/**
 * A consumer that moves its cursor, with pauses, and says before and after each time where to.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RoteraError } from '../../../src/errors.js';
import type { Queue } from '../../../src/queue/queue.js';
import type { Random } from '../random.js';
import { say } from './say.js';

/** Longest pause between two acks; ms. */
const PAUSE_MS = 3;

/** Opens a cursor and acknowledges some of what is new, again and again until it is over or refused. */
export async function consume(queue: Queue, cursor: string, random: Random, isOver: () => boolean): Promise<void> {
  let began = performance.now();
  const words = { queue: queue.name, cursor };
  try {
    say({ is: 'moving', ...words, position: 0 });
    let { position } = await queue.moveCursor({ kind: 'open', name: cursor, position: 0, move: false });
    say({ is: 'moved', ...words, position, ms: performance.now() - began });
    while (!isOver()) {
      if (position < queue.next) {
        const id = position + random.below(queue.next - position);
        began = performance.now();
        say({ is: 'moving', ...words, position: id + 1 });
        ({ position } = await queue.moveCursor({ kind: 'ack', name: cursor, id }));
        say({ is: 'moved', ...words, position, ms: performance.now() - began });
      }
      await sleep(random.below(PAUSE_MS + 1));
    }
  } catch (error) {
    const code = error instanceof RoteraError ? error.code : String(error);
    say({ is: 'refused', what: 'ack', queue: queue.name, code, ms: performance.now() - began });
  }
}
