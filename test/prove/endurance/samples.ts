/**
 * How the server stands, looked at again and again, and what must not be seen of it over hours.
 */
import { median } from '../../../bench/measure.js';
import type { Control } from '../proof.js';

/** One look at the server. Sizes in bytes. */
export interface Sample {
  /** Since the beginning of the run; ms. */
  readonly ms: number;
  /** Which of the server's processes, counted from 0. */
  readonly life: number;
  /** Its memory: what is its own, and all that is resident, with the pages of its files. */
  readonly memory: number;
  readonly resident: number;
  readonly handles: number;
  readonly threads: number;
  /** Delay of its event loop since the look before: 99 of 100 are not above, and the most; ms. */
  readonly delayP99: number;
  readonly delayMost: number;
  readonly files: readonly FileSample[];
  /** Group commits with pushes that the server counted in this life. */
  readonly counted: number;
  /** Pushes and messages acknowledged since the beginning. */
  readonly commits: number;
  readonly messages: number;
}

/** A file of a queue: as the queue tells, as the file system tells, in blocks given to it; and its limit. */
export interface FileSample {
  readonly queue: string;
  readonly told: number;
  readonly size: number;
  readonly blocks: number;
  readonly limit: number;
}

const MIB = 1024 * 1024;
/** Shares of a run that are compared, first with last; and of a life, of which the first is for warming up. */
const QUARTER = 0.25;
const WARM_UP = 0.1;
const LEAST_SAMPLES = 20;
/** From the first quarter to the last one: as in the proof of wear, but without a garbage collection before each look. */
const MOST_GROWTH = 1.1;
const SPARE_MEMORY = 24 * MIB;
const SPARE_HANDLES = 15;
const SPARE_THREADS = 2;
const SPARE_DELAY_MS = 50;
const SPARE_BLOCKS = 64 * 1024;
/** At any time. */
const MOST_MEMORY = 384 * MIB;
const MOST_RESIDENT = 512 * MIB;
const MOST_HANDLES = 250;
const MOST_THREADS = 128;
const MOST_DELAY_MS = 250;

type Measure = readonly [name: string, of: (sample: Sample) => number, spare: number];

const FLAT: readonly Measure[] = [
  ['memory', ({ memory }) => memory, SPARE_MEMORY],
  ['resident memory', ({ resident }) => resident, SPARE_MEMORY],
  ['the number of file handles', ({ handles }) => handles, SPARE_HANDLES],
  ['the number of threads', ({ threads }) => threads, SPARE_THREADS],
  ['the delay of the event loop', ({ delayP99 }) => delayP99, SPARE_DELAY_MS],
];

/** The medians of the first quarter, after a warm-up, and of the last one. */
export function quarters(samples: readonly Sample[], of: (sample: Sample) => number): readonly [number, number] {
  const warm = samples.slice(Math.ceil(samples.length * WARM_UP)).map(of);
  const quarter = Math.max(1, Math.floor(warm.length * QUARTER));
  return [median(warm.slice(0, quarter)), median(warm.slice(-quarter))];
}

function* unevenness(when: string, samples: readonly Sample[]): Generator<string> {
  if (samples.length < LEAST_SAMPLES) return;
  for (const [name, of, spare] of FLAT) {
    const [first, last] = quarters(samples, of);
    if (last > first * MOST_GROWTH + spare)
      yield `${name} grew ${when} from ${Math.round(first)} to ${Math.round(last)}`;
  }
}

/** The samples of each life of the server. */
export function lives(samples: readonly Sample[]): Sample[][] {
  const byLife = new Map<number, Sample[]>();
  for (const sample of samples) byLife.set(sample.life, [...(byLife.get(sample.life) ?? []), sample]);
  return [...byLife.values()];
}

/** Everything that must not be seen. */
export function* complaints(samples: readonly Sample[]): Generator<string> {
  for (const { ms, files, memory, resident, handles, threads, delayP99 } of samples) {
    const when = `after ${(ms / 60_000).toFixed(1)} minutes`;
    for (const { queue, told, size, blocks, limit } of files) {
      const bytes = Math.max(told, size, blocks - SPARE_BLOCKS);
      if (bytes > limit) yield `${when}: the file of ${queue} took ${bytes} bytes, its limit is ${limit}`;
    }
    if (memory > MOST_MEMORY || resident > MOST_RESIDENT) yield `${when}: memory of ${memory}, ${resident} resident`;
    if (handles > MOST_HANDLES) yield `${when}: ${handles} file handles`;
    if (threads > MOST_THREADS) yield `${when}: ${threads} threads`;
    if (delayP99 > 4 * MOST_DELAY_MS) yield `${when}: the event loop was ${delayP99.toFixed()} ms late`;
  }
  const [, delay] = quarters(samples, ({ delayP99 }) => delayP99);
  if (delay > MOST_DELAY_MS) yield `the event loop was ${delay.toFixed()} ms late in the end`;
  yield* unevenness('over the run', samples);
  for (const life of lives(samples)) yield* unevenness(`in life ${life[0]?.life} of the server`, life);
}

const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
const ROWS = 12;

/** Rows over time. */
export function table(samples: readonly Sample[]): string[][] {
  const head = ['minutes', 'commits/s', 'messages', 'lives', 'own MiB', 'resident MiB', 'handles', 'threads'];
  const rows = [[...head, 'loop p99 ms', 'most ms', 'fullest file']];
  const size = Math.max(1, Math.ceil(samples.length / ROWS));
  for (let at = 0; at < samples.length; at += size) {
    const part = samples.slice(at, at + size);
    const [begin, end] = [samples[Math.max(0, at - 1)] as Sample, part.at(-1) as Sample];
    const middle = (of: (sample: Sample) => number): number => median(part.map(of));
    const fullest = Math.max(
      ...part.flatMap(({ files }) => files.map((file) => Math.max(file.told, file.size) / file.limit)),
    );
    rows.push([
      (end.ms / 60_000).toFixed(1),
      ((1000 * (end.commits - begin.commits)) / Math.max(1, end.ms - begin.ms)).toFixed(),
      String(end.messages - begin.messages),
      String(end.life + 1),
      mib(middle(({ memory }) => memory)),
      mib(middle(({ resident }) => resident)),
      middle(({ handles }) => handles).toFixed(),
      middle(({ threads }) => threads).toFixed(),
      middle(({ delayP99 }) => delayP99).toFixed(1),
      Math.max(...part.map(({ delayMost }) => delayMost)).toFixed(),
      `${(100 * fullest).toFixed()}%`,
    ]);
  }
  return rows;
}

/** The same run, with one thing wrong each time. */
export function tampered(samples: readonly Sample[]): Control[] {
  const first = samples[0];
  if (first === undefined) return [];
  const even = Array.from({ length: 2 * LEAST_SAMPLES }, (_, i) => ({ ...first, ms: i * 60_000, life: 0 }));
  const changed = (change: (sample: Sample, i: number) => Partial<Sample>): Sample[] =>
    even.map((sample, i) => ({ ...sample, ...change(sample, i) }));
  const wrong: Record<string, Sample[]> = {
    'memory that grows': changed(({ memory }, i) => ({ memory: memory + i * MIB })),
    'file handles that are left open': changed(({ handles }, i) => ({ handles: handles + i })),
    'threads that are left': changed(({ threads }, i) => ({ threads: threads + Math.floor(i / 5) })),
    'an event loop that is late': changed((_, i) => ({ delayP99: 20 + 3 * i })),
    'a file past its limit': changed(({ files }, i) =>
      i === LEAST_SAMPLES ? { files: files.map((file) => ({ ...file, size: file.limit + 4096 })) } : {},
    ),
  };
  const untampered = [...complaints(even)];
  return Object.entries(wrong).map(([name, altered]) => ({
    name,
    caught: untampered.length > 0 ? undefined : [...complaints(altered)][0],
  }));
}
