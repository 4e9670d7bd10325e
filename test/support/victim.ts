/**
 * A program like a server in small: it keeps a sound queue in a directory, opens whatever its parent puts beside it, reads all
 * of that and writes to it, and says how that went. It is what damaged files may not kill.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { argv } from 'node:process';
import { batchOf, messagesOf } from '../../src/batch.js';
import { isRoteraError } from '../../src/errors.js';
import type { Queue } from '../../src/queue/queue.js';
import { Queues } from '../../src/queue/queues.js';
import { isMessage, messageOf } from './workload.js';

/** How one file went. */
export interface Outcome {
  /** Why it was refused; empty when it was opened. */
  readonly refused: string;
  /** Ids that were read with bytes that were never pushed under them. */
  readonly wrong: number;
  readonly damaged: number;
  readonly read: number;
  readonly oldest: number;
  readonly next: number;
  /** Why it took no more, if so. */
  readonly pushes: string;
  /** Whether, behind the pushes, each id that it has was read or told as damaged. */
  readonly whole: boolean;
  /** Whether the sound queue went on, with all its messages. */
  readonly others: boolean;
}

const [directory, pushes] = [argv[2] as string, Number(argv[3])];
const queues = await Queues.open(directory, { now: () => Date.now(), pollMs: 0 });

interface Found {
  wrong: number;
  damaged: number;
  read: number;
}

function readAll(queue: Queue): Found {
  const found: Found = { wrong: 0, damaged: 0, read: 0 };
  for (let from = queue.oldest; from < queue.next; ) {
    const result = queue.read({ from, limit: 1000, maxBytes: 1024 * 1024 });
    if (result.gap?.reason === 'damaged') found.damaged += result.gap.to - result.gap.from;
    let id = result.first;
    for (const { records } of result.slices) {
      for (const message of messagesOf(records)) if (!isMessage(id++, message)) found.wrong++;
    }
    found.read += result.count;
    // Every answer leads on, or ends.
    if (result.next <= from) break;
    from = result.next;
  }
  return found;
}

const codeOf = (error: unknown): string => (isRoteraError(error) ? error.code : String(error));

async function pushTo(queue: Queue, times: number): Promise<string> {
  try {
    for (let i = 0; i < times; i++) {
      const { next } = queue;
      // Now a few messages, which are folded into the newest block, now many, so that the old ones soon rotate out.
      const count = next % 3 === 0 ? 5 : 90;
      await queue.push(batchOf(Array.from({ length: count }, (_, index) => messageOf(next + index))));
    }
    return '';
  } catch (error) {
    return codeOf(error);
  }
}

async function attempt(): Promise<Outcome> {
  const none = {
    refused: '',
    wrong: 0,
    damaged: 0,
    read: 0,
    oldest: 0,
    next: 0,
    pushes: '',
    whole: true,
    others: false,
  };
  await queues.rescan();
  let outcome: Outcome;
  try {
    const queue = queues.get('bad');
    const { oldest, next } = queue;
    const before = readAll(queue);
    queue.stat();
    queue.idAt(Date.now());
    const pushed = await pushTo(queue, pushes);
    const after = readAll(queue);
    const whole = after.read + after.damaged === queue.next - queue.oldest && after.damaged <= before.damaged;
    outcome = { ...none, ...before, wrong: before.wrong + after.wrong, oldest, next, pushes: pushed, whole };
  } catch (error) {
    outcome = { ...none, refused: codeOf(error) };
  }
  for (const name of ['bad.rot', 'bad.rot-lock', '.bad.rot.failed']) rmSync(join(directory, name), { force: true });
  await queues.rescan();
  const good = queues.get('good');
  const pushed = await pushTo(good, 1);
  const { wrong, damaged, read } = readAll(good);
  const isWhole = wrong === 0 && damaged === 0 && read === good.next - good.oldest;
  return { ...outcome, others: pushed === '' && isWhole };
}

process.on('message', async () => {
  process.send?.(await attempt());
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
