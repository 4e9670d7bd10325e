/**
 * Pushes messages of mixed sizes to one queue, rotation after rotation, and says how each went.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Batch, batchOf } from '../../../src/batch.js';
import type { Queue } from '../../../src/queue/queue.js';
import { Queues } from '../../../src/queue/queues.js';
import { type Ack, judge } from '../judge.js';
import { LONGEST, messageOf, SHORTEST } from '../messages.js';
import { Random } from '../random.js';
import { foundIn } from './found.js';
import { job, say } from './say.js';

/** Work for the soaker. */
export interface Soaking {
  readonly directory: string;
  readonly seed: number;
  /** Size of the queue: a rotation is so many payload bytes pushed. */
  readonly maxBytes: number;
  readonly rotations: number;
  readonly forMs: number;
  /** The negative control: it writes a line to standard error, as lmdb does when something is wrong with its pages. */
  readonly complains: boolean;
}

/** How one rotation went. */
export interface Rotation {
  readonly is: 'rotation';
  readonly messages: number;
  readonly pushes: number;
  readonly bytes: number;
  readonly seconds: number;
  /** The most that the file took at any time: as the queue says, as the filesystem says, and in blocks given to it. */
  readonly file: { readonly told: number; readonly size: number; readonly blocks: number };
  readonly limit: number;
  /** Anonymous memory of the process after a garbage collection, in bytes. */
  readonly memory: number;
  /** What is wrong with the messages that were read back. */
  readonly wrong: readonly string[];
}

const WRITERS = 4;
/** Most messages of a push, and about the most payload bytes. */
const MOST = 64;
const PUSH_BYTES = 2 * 1024 * 1024;
const BLOCK_BYTES = 512;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const { directory, seed, maxBytes, rotations, forMs, complains } = job<Soaking>();
const random = new Random(seed);
/** Pushes of which messages are still kept. */
let acks: Ack[] = [];

/** Pushes one batch after the other, each when the one before is acknowledged. */
class Writer {
  #sequence = 0;

  constructor(readonly number: number) {}

  nextMessages(): Buffer[] {
    const lengths: number[] = [];
    let bytes = 0;
    for (let most = random.spread(1, MOST); lengths.length < most && bytes < PUSH_BYTES; ) {
      const length = random.spread(SHORTEST, LONGEST);
      lengths.push(length);
      bytes += length;
    }
    const label = { life: 0, writer: this.number, of: lengths.length };
    return lengths.map((length, index) => messageOf({ ...label, index, sequence: this.#sequence + index }, length));
  }

  async push(queue: Queue, batch: Batch): Promise<void> {
    const { first } = await queue.push(batch);
    const { count } = batch;
    acks.push({ queue: queue.name, life: 0, writer: this.number, sequence: this.#sequence, count, first });
    this.#sequence += count;
  }
}

const writers = Array.from({ length: WRITERS }, (_, number) => new Writer(number));

function judgeAll(queue: Queue): string[] {
  acks = acks.filter(({ first, count }) => first + count > queue.oldest);
  return judge(foundIn(queue), acks);
}

function anonymousMemory(): number {
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return kib === undefined ? process.memoryUsage().rss : Number(kib) * 1024;
}

async function rotate(queue: Queue, path: string): Promise<Rotation> {
  const file = { told: 0, size: 0, blocks: 0 };
  const done = { messages: 0, pushes: 0, bytes: 0 };
  const began = performance.now();
  let left = maxBytes;
  const work = async (writer: Writer): Promise<void> => {
    while (left > 0) {
      const batch = batchOf(writer.nextMessages());
      left -= batch.bytes;
      await writer.push(queue, batch);
      done.messages += batch.count;
      done.bytes += batch.bytes;
      done.pushes++;
      const { size, blocks } = statSync(path);
      file.told = Math.max(file.told, queue.stat().file.bytes);
      file.size = Math.max(file.size, size);
      file.blocks = Math.max(file.blocks, blocks * BLOCK_BYTES);
    }
  };
  await Promise.all(writers.map(work));
  const seconds = (performance.now() - began) / 1000;
  const wrong = judgeAll(queue);
  collectGarbage();
  const { limit } = queue.stat().file;
  return { is: 'rotation', ...done, seconds, file, limit, memory: anonymousMemory(), wrong };
}

const queues = await Queues.open(directory, { now: Date.now });
const { queue } = await queues.create('soak', { maxBytes, maxMessageBytes: LONGEST });
const end = performance.now() + forMs;
for (let i = 0; i < rotations && performance.now() < end; i++)
  say({ ...(await rotate(queue, join(directory, 'soak.rot'))) });
if (complains) process.stderr.write('freelist: overlapping duplicate\n');
await queues.close();
