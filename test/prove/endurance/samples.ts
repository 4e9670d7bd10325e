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

/** All looks at a server. */
export interface Looks {
  readonly samples: readonly Sample[];
  /** Taken while this process stood still: what grows and what takes long cannot be told by them. */
  readonly dropped: readonly Sample[];
  /** Looks that were tried: of those while this process stood still, some give no sample. */
  readonly looks: number;
}

const MIB = 1024 * 1024;
/** Of so many looks or more, the share of them that may be dropped. */
const LEAST_LOOKS = 20;
const MOST_DROPPED = 0.05;
/** What is compared, the first with the last: quarters of a life that is long enough, behind its warm-up; ms. */
const QUARTER = 0.25;
const WARM_UP_MS = 4 * 60_000;
const LEAST_LIFE_MS = 10 * 60_000;
/** Of lives, each at the same age, so many must be there. */
const LEAST_LIVES = 8;
/** From the first quarter to the last one: as in the proof of wear, but without a garbage collection before each look. */
const MOST_GROWTH = 1.1;
const SPARE_MEMORY = 32 * MIB;
const SPARE_HANDLES = 15;
const SPARE_THREADS = 2;
const SPARE_DELAY_MS = 50;
const SPARE_BLOCKS = 64 * 1024;
/** At any time. */
const MOST_MEMORY = 512 * MIB;
const MOST_RESIDENT = 640 * MIB;
const MOST_HANDLES = 250;
const MOST_THREADS = 128;
/** In the middle of the last quarter. */
const MOST_DELAY_MS = 250;

type Measure = readonly [name: string, of: (sample: Sample) => number, spare: number];

const FLAT: readonly Measure[] = [
  ['memory', ({ memory }) => memory, SPARE_MEMORY],
  ['resident memory', ({ resident }) => resident, SPARE_MEMORY],
  ['the number of file handles', ({ handles }) => handles, SPARE_HANDLES],
  ['the number of threads', ({ threads }) => threads, SPARE_THREADS],
  ['the delay of the event loop', ({ delayP99 }) => delayP99, SPARE_DELAY_MS],
];

/** The medians of the first quarter and of the last one. */
export function quarters(samples: readonly Sample[], of: (sample: Sample) => number): readonly [number, number] {
  const quarter = Math.max(1, Math.floor(samples.length * QUARTER));
  return [median(samples.slice(0, quarter).map(of)), median(samples.slice(-quarter).map(of))];
}

function* unevenness(when: string, samples: readonly Sample[]): Generator<string> {
  for (const [name, of, spare] of FLAT) {
    const [first, last] = quarters(samples, of);
    if (last > first * MOST_GROWTH + spare)
      yield `${name} grew ${when} from ${Math.round(first)} to ${Math.round(last)}`;
  }
}

const ageOf = (sample: Sample, [first]: readonly Sample[]): number => sample.ms - (first as Sample).ms;

/** Each life at the same age: when the shortest of them ended. The last one may have been cut short. */
function sameAge(samples: readonly Sample[]): Sample[] {
  const whole = lives(samples).slice(0, -1);
  const age = Math.min(...whole.map((life) => ageOf(life.at(-1) as Sample, life)));
  return whole.map((life) => life.filter((sample) => ageOf(sample, life) <= age).at(-1) as Sample);
}

/** The long lives, each behind its warm-up. */
const longLives = (samples: readonly Sample[]): Sample[][] =>
  lives(samples)
    .filter((life) => ageOf(life.at(-1) as Sample, life) >= LEAST_LIFE_MS)
    .map((life) => life.filter((sample) => ageOf(sample, life) >= WARM_UP_MS));

/** The samples of each life of the server. */
export function lives(samples: readonly Sample[]): Sample[][] {
  const byLife = new Map<number, Sample[]>();
  for (const sample of samples) byLife.set(sample.life, [...(byLife.get(sample.life) ?? []), sample]);
  return [...byLife.values()];
}

/** What must not be at any time. */
function* excess({ ms, files, memory, resident, handles, threads }: Sample): Generator<string> {
  const when = `after ${(ms / 60_000).toFixed(1)} minutes`;
  for (const { queue, told, size, blocks, limit } of files) {
    const bytes = Math.max(told, size, blocks - SPARE_BLOCKS);
    if (bytes > limit) yield `${when}: the file of ${queue} took ${bytes} bytes, its limit is ${limit}`;
  }
  if (memory > MOST_MEMORY || resident > MOST_RESIDENT) yield `${when}: memory of ${memory}, ${resident} resident`;
  if (handles > MOST_HANDLES) yield `${when}: ${handles} file handles`;
  if (threads > MOST_THREADS) yield `${when}: ${threads} threads`;
}

/** Everything that must not be seen. */
export function* complaints({ samples, dropped, looks }: Looks): Generator<string> {
  for (const sample of [...samples, ...dropped]) yield* excess(sample);
  const lost = looks - samples.length;
  if (looks >= LEAST_LOOKS && lost > looks * MOST_DROPPED)
    yield `${lost} of ${looks} looks were dropped, as this process stood still: too little was seen`;
  const [, delay] = quarters(samples, ({ delayP99 }) => delayP99);
  if (delay > MOST_DELAY_MS) yield `the event loop was ${delay.toFixed()} ms late in the end`;
  const young = sameAge(samples);
  if (young.length >= LEAST_LIVES) yield* unevenness('from the first lives to the last', young);
  for (const life of longLives(samples)) yield* unevenness(`in life ${life[0]?.life} of the server`, life);
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

/** A minute between two of them. */
const TAMPERED = 40;

/** The same run, with one thing wrong each time. */
export function tampered([first]: readonly Sample[]): Control[] {
  if (first === undefined) return [{ name: 'looks that can be made wrong', caught: undefined }];
  const even = Array.from({ length: TAMPERED }, (_, i) => ({ ...first, ms: i * 60_000, life: 0 }));
  const kept = (samples: readonly Sample[]): Looks => ({ samples, dropped: [], looks: samples.length });
  const changed = (change: (sample: Sample, i: number) => Partial<Sample>): Looks =>
    kept(even.map((sample, i) => ({ ...sample, ...change(sample, i) })));
  const wrong: Record<string, Looks> = {
    'memory that grows': changed(({ memory }, i) => ({ memory: memory + 4 * i * MIB })),
    'memory that grows from life to life': changed(({ memory }, i) => ({
      memory: memory + 4 * i * MIB,
      life: Math.floor(i / 4),
    })),
    'file handles that are left open': changed(({ handles }, i) => ({ handles: handles + 2 * i })),
    'threads that are left': changed(({ threads }, i) => ({ threads: threads + i })),
    'an event loop that is late': changed((_, i) => ({ delayP99: 20 + 5 * i })),
    'a file past its limit': changed(({ files }, i) =>
      i === 1 ? { files: files.map((file) => ({ ...file, size: file.limit + 4096 })) } : {},
    ),
    'memory beyond its bound while this process stood still': {
      samples: even,
      dropped: [{ ...first, memory: MOST_MEMORY + 1 }],
      looks: TAMPERED + 1,
    },
    'too many looks dropped': { samples: even, dropped: [], looks: TAMPERED + 3 },
  };
  const untampered = [...complaints({ samples: even, dropped: [first, first], looks: TAMPERED + 2 })];
  return Object.entries(wrong).map(([name, altered]) => ({
    name,
    caught: untampered.length > 0 ? undefined : [...complaints(altered)][0],
  }));
}
