/**
 * A program: pushes to queue `q` of the directory named on its command line until it is killed, and tells its parent the next
 * id after each push.
 */
import { argv } from 'node:process';
import { batchOf } from '../../src/batch.js';
import { Queues } from '../../src/queue/queues.js';
import { messageOf } from './workload.js';

const queues = await Queues.open(argv[2] as string, { now: () => Date.now(), pollMs: 0 });
const { queue } = await queues.create('q', { maxBytes: 128 * 1024, reserve: false });
while (process.connected) {
  const { next } = queue;
  await queue.push(batchOf(Array.from({ length: 1 + (next % 30) }, (_, index) => messageOf(next + index))));
  process.send?.(queue.next);
}
