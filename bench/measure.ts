/**
 * Contenders measured in turns: medians over rounds, and ratios with their spread.
 */

/** What one run of a contender gave. */
export interface Figure {
  /** Messages a second, where throughput is measured. */
  readonly perSecond?: number;
  /** ms, where latency is measured. */
  readonly p50?: number;
  readonly p99?: number;
  /** Processor time of the server per message, in µs. */
  readonly cpuMicros?: number;
}

/** One of those compared in a case. */
export interface Contender {
  readonly name: string;
  /** When what it acknowledged is safe from a power cut. */
  readonly durability: string;
  /** One run of about `ms`. */
  readonly run: (ms: number) => Promise<Figure>;
  readonly close: () => Promise<void> | void;
}

/** The runs of one contender. */
export interface Series {
  readonly name: string;
  readonly durability: string;
  readonly figures: readonly Figure[];
}

/** A case with everyone's runs. */
export interface CaseResult {
  readonly id: string;
  readonly title: string;
  readonly payload: string;
  readonly series: readonly Series[];
}

export interface Pace {
  readonly rounds: number;
  /** Of one run. */
  readonly ms: number;
}

/** So long nothing is asked of anyone between two runs, so that what one has left to do is not charged to the next. */
const PAUSE_MS = 300;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Every contender once a round, in an order that is turned each round. Closes them all. */
export async function measure(contenders: readonly Contender[], { rounds, ms }: Pace): Promise<Series[]> {
  const figures = contenders.map((): Figure[] => []);
  try {
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < contenders.length; turn++) {
        const i = (turn + round) % contenders.length;
        figures[i]?.push(await (contenders[i] as Contender).run(ms));
        await pause(PAUSE_MS);
      }
    }
  } finally {
    for (const { close } of contenders) await close();
  }
  return contenders.map(({ name, durability }, i) => ({ name, durability, figures: figures[i] as Figure[] }));
}

/** The middle value; the mean of the two middle ones. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.floor(half)] ?? Number.NaN) + (sorted[Math.ceil(half) - 1] ?? Number.NaN)) / 2;
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export type Measured = 'perSecond' | 'p50' | 'p99' | 'cpuMicros';

/** The runs' values of one kind. */
export const valuesOf = ({ figures }: Series, measured: Measured): number[] =>
  figures.flatMap((figure) => figure[measured] ?? []);

export interface Ratio {
  /** Of the medians. */
  readonly ratio: number;
  /** The least and greatest ratio of two runs of one round. */
  readonly least: number;
  readonly most: number;
}

/** Ours over theirs. */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Ratio {
  const each = ours.map((value, i) => value / (theirs[i] ?? Number.NaN));
  return { ratio: median(ours) / median(theirs), least: Math.min(...each), most: Math.max(...each) };
}
