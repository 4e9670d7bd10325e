/**
 * Many queues in one process: makes them, or opens them and pushes to all, a few of them on a slow disk.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { batchOf } from '../../../src/batch.js';
import type { Queue } from '../../../src/queue/queue.js';
import { Queues } from '../../../src/queue/queues.js';
import { Random } from '../random.js';
import { job, say } from './say.js';

/** Work for the crowd. */
export interface CrowdJob {
  readonly directory: string;
  readonly seed: number;
  /** How many queues there are with names that begin with `fast-` and with `slow-`. */
  readonly fast: number;
  readonly slow: number;
  /** Only makes the queues. */
  readonly makes: boolean;
  /** How long each phase pushes. */
  readonly phaseMs: number;
}

/** Latencies in ms: half of them, 99 of 100 and all are not above. */
export interface Latencies {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
}

/** One phase of pushing. */
export interface Phase {
  readonly fast: Latencies;
  readonly slow: Latencies;
  /** Of a stat and a read of one message, which never wait for a disk. */
  readonly looks: Latencies;
  /** How late timers were, 99 of 100 not above; ms. */
  readonly loopP99: number;
  /** Queues that acknowledged nothing. */
  readonly silent: number;
}

/** What the crowd found. */
export interface Crowd {
  readonly is: 'crowd';
  readonly openMs: number;
  /** Memory that each open and idle queue takes, in bytes. */
  readonly idleBytes: number;
  /** Without and with pushes to the slow ones. */
  readonly calm: Phase;
  readonly busy: Phase;
}

/** Pushes to fast queues at the same time, and to each slow one. */
const FAST_WORKERS = 16;
const SLOW_WORKERS = 2;
const MESSAGE = batchOf([Buffer.alloc(100, 'x')]);
/** Creates at the same time. */
const MAKERS = 4;
const LIMITS = { maxMessages: 1000, maxBytes: 1024 * 1024, maxMessageBytes: 1024, reserve: false };

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const { directory, seed, fast, slow, makes, phaseMs } = job<CrowdJob>();

function latencies(values: number[]): Latencies {
  const sorted = values.sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1) };
}

async function make(queues: Queues): Promise<void> {
  const names = [
    ...Array.from({ length: fast }, (_, i) => `fast-${i}`),
    ...Array.from({ length: slow }, (_, i) => `slow-${i}`),
  ];
  const work = async (): Promise<void> => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const { queue } = await queues.create(name, LIMITS);
      await queue.push(MESSAGE);
      say({ is: 'made', name });
    }
  };
  await Promise.all(Array.from({ length: MAKERS }, work));
}

async function phase(quick: readonly Queue[], lame: readonly Queue[]): Promise<Phase> {
  const random = new Random(seed);
  const times = { fast: [] as number[], slow: [] as number[], looks: [] as number[] };
  const silent = new Set([...quick, ...lame]);
  const end = performance.now() + phaseMs;
  const loop = monitorEventLoopDelay({ resolution: 1 });
  loop.enable();
  const push = async (queue: Queue, into: number[]): Promise<void> => {
    const began = performance.now();
    await queue.push(MESSAGE);
    into.push(performance.now() - began);
    silent.delete(queue);
  };
  let turn = 0;
  const fastWork = async (): Promise<void> => {
    // Every queue has its turn, however long that takes.
    while (performance.now() < end || turn < quick.length)
      await push(quick[turn++ % quick.length] as Queue, times.fast);
  };
  const slowWork = async (queue: Queue): Promise<void> => {
    while (performance.now() < end) await push(queue, times.slow);
  };
  const look = setInterval(() => {
    const queue = random.pick([...quick, ...lame]);
    const began = performance.now();
    queue.stat();
    queue.read({ from: queue.oldest, limit: 1, maxBytes: 1024 });
    times.looks.push(performance.now() - began);
  }, 20);
  await Promise.all([
    ...Array.from({ length: FAST_WORKERS }, fastWork),
    ...lame.flatMap((queue) => Array.from({ length: SLOW_WORKERS }, () => slowWork(queue))),
  ]);
  clearInterval(look);
  loop.disable();
  return {
    fast: latencies(times.fast),
    slow: latencies(times.slow),
    looks: latencies(times.looks),
    loopP99: loop.percentile(99) / 1e6,
    silent: silent.size,
  };
}

async function crowd(): Promise<Crowd> {
  collectGarbage();
  const before = process.memoryUsage().rss;
  const began = performance.now();
  const queues = await Queues.open(directory, { now: Date.now });
  const openMs = performance.now() - began;
  collectGarbage();
  const idleBytes = (process.memoryUsage().rss - before) / queues.all.length;
  const quick = queues.all.filter(({ name }) => name.startsWith('fast-'));
  const lame = queues.all.filter(({ name }) => name.startsWith('slow-'));
  const calm = await phase(quick, []);
  const busy = await phase(quick, lame);
  await queues.close();
  return { is: 'crowd', openMs, idleBytes, calm, busy };
}

if (makes) {
  const queues = await Queues.open(directory, { now: Date.now });
  await make(queues);
  await queues.close();
} else say({ ...(await crowd()) });
