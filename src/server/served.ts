/**
 * What the server has done for one queue since it started.
 */
import { RECORD_HEADER_BYTES } from '../batch.js';
import type { CommitReport } from '../queue/group.js';
import type { Queue } from '../queue/queue.js';
import type { GapReason, ReadResult } from '../queue/read.js';

/** Counts of one queue. Only ever grow. */
export class Served {
  pushes = 0;
  messagesIn = 0;
  bytesIn = 0;
  messagesOut = 0;
  bytesOut = 0;
  readonly gaps: Record<GapReason, number> = { rotated: 0, recreated: 0, damaged: 0 };

  committed({ pushes, messages, bytes }: CommitReport): void {
    this.pushes += pushes;
    this.messagesIn += messages;
    this.bytesIn += bytes;
  }

  delivered({ count, slices }: ReadResult): void {
    this.messagesOut += count;
    for (const { records } of slices) this.bytesOut += records.length;
    this.bytesOut -= count * RECORD_HEADER_BYTES;
  }
}

/** The counts of all queues, each as long as its queue is open. */
export class ServedQueues {
  readonly #byQueue = new WeakMap<Queue, Served>();

  of(queue: Queue): Served {
    const known = this.#byQueue.get(queue);
    if (known !== undefined) return known;
    const served = new Served();
    this.#byQueue.set(queue, served);
    return served;
  }
}
