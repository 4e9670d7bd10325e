/**
 * What rotera wants to reach, as ratios of medians of one run with 100-byte messages.
 */
import { type CaseResult, type Measured, ratioOf, type Series, valuesOf } from './measure.js';

export interface Goal {
  readonly case: string;
  readonly text: string;
  readonly ours: string;
  /** Name of the contender, or how it begins: the best of those that do counts. */
  readonly against: string;
  readonly measured: Measured;
  readonly atLeast?: number;
  readonly atMost?: number;
}

const rotera = { ours: 'rotera', measured: 'perSecond' as const };

/** `Streams` stands for Redis or Valkey. */
export const GOALS: readonly Goal[] = [
  { ...rotera, case: 'batches', text: 'batches of 1,000 over HTTP', against: 'Streams always', atLeast: 8 },
  { ...rotera, case: 'batches', text: 'batches of 1,000 over HTTP', against: 'Streams everysec', atLeast: 4 },
  { ...rotera, case: 'batches', text: 'batches of 1,000 over HTTP', against: 'raw write + fdatasync', atLeast: 0.5 },
  { ...rotera, case: 'batches', text: 'batches of 1,000, any way', against: 'JetStream shipped', atLeast: 10 },
  { ...rotera, case: 'singles', text: 'one message a request', against: 'Streams always', atLeast: 0.8 },
  { ...rotera, case: 'frames', text: 'one message a frame', against: 'Streams always', atLeast: 1 },
  { ...rotera, case: 'ranges', text: 'ranges of 1,000', against: 'Streams', atLeast: 3 },
  {
    case: 'latency',
    text: 'one durable push alone, p50',
    ours: 'rotera',
    against: 'raw write + fdatasync',
    measured: 'p50',
    atMost: 2.5,
  },
  {
    case: 'delivery',
    text: 'push to delivery, p99',
    ours: 'push to delivery',
    against: 'rotera',
    measured: 'p99',
    atMost: 1.5,
  },
  { ...rotera, case: 'tails', text: '1,000 tails, deliveries', against: 'Streams always', atLeast: 1 },
  ...['growth-kept-push', 'growth-kept-read', 'growth-rotations'].flatMap((id): Goal[] =>
    ['10', '100', '100000', '1000000', '10000000'].map((point) => ({
      case: id,
      text: `${id.endsWith('rotations') ? 'push' : id.slice(12)} at ${Number(point).toLocaleString('en')} ${id.endsWith('rotations') ? 'rotations' : 'kept'}`,
      ours: point,
      against: 'the first point',
      measured: 'perSecond',
      atLeast: 1 / 1.2,
    })),
  ),
];

/** Goals of memory, in KiB. */
export const MEMORY_GOALS: Readonly<Record<string, number>> = { 'idle queue': 300, 'idle tail': 40 };

/** A goal with what was measured. */
export interface Outcome {
  readonly goal: Goal;
  readonly ours: number;
  readonly theirs: number;
  readonly peer: Series;
  readonly ratio: number;
  readonly least: number;
  readonly most: number;
  readonly met: boolean;
}

/** The outcome of a goal; undefined where one of the two was not measured. */
export function outcomeOf(goal: Goal, results: readonly CaseResult[]): Outcome | undefined {
  const series = results.find(({ id }) => id === goal.case)?.series ?? [];
  const ours = series.find(({ name }) => name === goal.ours);
  const peers =
    goal.against === 'the first point'
      ? series.slice(0, 1)
      : series.filter(({ name }) => name !== goal.ours && name.includes(goal.against));
  if (goal.against === 'rotera') peers.push(...series.filter(({ name }) => name === 'rotera'));
  const outcomes = peers.flatMap((peer) => (ours === undefined || ours === peer ? [] : [compare(goal, ours, peer)]));
  // Several ways of the same peer: the one that is hardest to beat.
  return outcomes.sort((a, b) => (goal.atMost === undefined ? a.ratio - b.ratio : b.ratio - a.ratio))[0];
}

function compare(goal: Goal, ours: Series, peer: Series): Outcome {
  const mine = valuesOf(ours, goal.measured);
  const theirs = valuesOf(peer, goal.measured);
  const { ratio, least, most } = ratioOf(mine, theirs);
  const met = goal.atLeast === undefined ? ratio <= (goal.atMost ?? Number.POSITIVE_INFINITY) : ratio >= goal.atLeast;
  return { goal, ours: ratioOf(mine, [1]).ratio, theirs: ratioOf(theirs, [1]).ratio, peer, ratio, least, most, met };
}
