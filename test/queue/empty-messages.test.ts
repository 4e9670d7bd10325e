/**
 * Many messages without a byte: they count nothing against `maxBytes`, and each takes room in the file and in memory.
 */
import t from 'tap';
import { type Batch, batchOf, MAX_BATCH_MESSAGES } from '../../src/batch.js';
import { RoteraError } from '../../src/errors.js';
import type { Queue } from '../../src/queue/queue.js';
import { MIB, makeQueue, readAll } from '../support/queues.js';

const empty = (count: number): Batch => batchOf(Array<Uint8Array>(count).fill(new Uint8Array(0)));

/** What became of a push: stored, or why not. */
async function outcomeOf(queue: Queue, batch: Batch): Promise<string> {
  try {
    await queue.push(batch);
    return 'stored';
  } catch (error) {
    if (error instanceof RoteraError) return error.code;
    throw error;
  }
}

let isBounded = true;

for (const maxBytes of [1, 1000, 4096, 65_536]) {
  t.test(`a queue of ${maxBytes} bytes takes empty messages, or refuses them, in bounded memory`, async (t) => {
    const queue = await makeQueue(t, { maxBytes, maxMessages: MAX_BATCH_MESSAGES });
    for (const count of [1, 10, 1000]) t.equal(await outcomeOf(queue, empty(count)), 'stored', `${count} messages`);
    t.equal(readAll(queue).texts.length, 1011);
    // The larger one would take tens of GiB: not tried where the smaller one has taken too much.
    for (const count of isBounded ? [20_000, MAX_BATCH_MESSAGES] : []) {
      const batch = empty(count);
      const before = process.memoryUsage().arrayBuffers;
      const outcome = await outcomeOf(queue, batch);
      const more = process.memoryUsage().arrayBuffers - before;
      t.match(outcome, /^(stored|push_too_large)$/, `${count} messages`);
      isBounded = t.ok(more < 32 * MIB, `${Math.round(more / MIB)} MiB more`);
      if (!isBounded) return;
    }
    t.equal(await outcomeOf(queue, empty(1000)), 'stored', 'and goes on');
  });
}
