/**
 * The tail: a queue followed from some place on, live, in order, without a hole and without a double.
 *
 * Consumers always read from the queue; a commit only wakes them. So there is no hand-over from history to live, and a slow
 * consumer costs one piece of messages: the next is read when its socket has taken the last.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ErrorCode, isRoteraError, RoteraError } from '../errors.js';
import type { Queue } from '../queue/queue.js';
import { type Gap, gapOf, type ReadResult } from '../queue/read.js';
import { firstOf } from './signals.js';
import type { OpenTail } from './tails.js';
import type { Window } from './window.js';

/** Most messages and payload bytes of one piece: bounds what a slow socket holds. */
const PIECE_MESSAGES = 1000;
const PIECE_BYTES = 256 * 1024;

export type TailEvent =
  | { readonly type: 'gap'; readonly gap: Gap }
  /** Tells as well that there is nothing behind them, if that is so. */
  | { readonly type: 'messages'; readonly result: ReadResult }
  | { readonly type: 'up-to-date'; readonly next: number };

/** What a tail follows, checked before it is opened. */
export interface TailPlan {
  readonly queue: Queue;
  /** Where it is counted, and who wants to know how it goes. */
  readonly tail: OpenTail;
  readonly from: number;
  /** Told first: the queue was made anew since the consumer was here last. */
  readonly recreated?: Gap;
  /** End with `rotated`, `damaged` or `epoch_changed` rather than tell a gap. */
  readonly failOnGap: boolean;
  /** With a cursor: its name, and how much may be unacknowledged; gaps are counted in its `missed`. */
  readonly cursor?: string;
  readonly window?: Window;
}

/**
 * Ends when `signal` aborts.
 * @throws `queue_not_found`, `epoch_changed` when the file is removed or replaced; what {@link gapError} makes, with `failOnGap`
 */
export async function* follow(plan: TailPlan, signal: AbortSignal): AsyncGenerator<TailEvent> {
  const { queue, tail, window } = plan;
  if (plan.recreated !== undefined) {
    if (plan.failOnGap) throw gapError(plan.recreated);
    yield* giveGap(tail, plan.recreated);
  }
  let place = plan.from;
  let told: number | undefined;
  while (!signal.aborted) {
    if (queue.ended !== undefined) throw endOf(queue);
    const room = window?.room(place) ?? PIECE_MESSAGES;
    if (window !== undefined && room <= 0) {
      await openedOrEnded(window, queue, signal);
      continue;
    }
    const result = queue.read({ from: place, limit: Math.min(PIECE_MESSAGES, room), maxBytes: PIECE_BYTES });
    if (result.gap !== null) {
      await passGap(plan, result.gap);
      yield* giveGap(tail, result.gap);
    }
    place = result.next;
    if (result.count > 0) {
      tail.give();
      if (result.upToDate) told = place;
      yield { type: 'messages', result };
      tail.gave(result);
    }
    // Nothing but damage so far: the others have their turn before more of it is looked at.
    if (result.isCut) await nextTurn();
    if (place < queue.next) continue;
    if (told !== place) yield { type: 'up-to-date', next: place };
    told = place;
    await queue.waitFor(place, signal);
  }
}

/** Resolves when the window is advanced, when the queue ends, or when `signal` aborts. */
async function openedOrEnded(window: Window, queue: Queue, signal: AbortSignal): Promise<void> {
  const either = new AbortController();
  const first = firstOf([signal, either.signal]);
  // No message has that id: what ends this wait is the end of the queue.
  await Promise.race([window.opened(first.signal), queue.waitFor(Number.MAX_SAFE_INTEGER, first.signal)]);
  // Nobody waits for the other any more.
  either.abort();
  first.done();
}

/** Goes on behind a gap. @throws with `failOnGap` */
async function passGap({ queue, cursor, window, failOnGap }: TailPlan, gap: Gap): Promise<void> {
  await countMissed(queue, cursor, gap);
  if (failOnGap) throw gapError(gap);
  window?.advance(gap.to);
}

function* giveGap(tail: OpenTail, gap: Gap): Generator<TailEvent> {
  tail.give();
  yield { type: 'gap', gap };
  tail.gaveGap(gap);
}

/** Codes of a queue or a disk that takes no writes for a while, or for ever. */
const TAKES_NO_WRITES: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['queue_read_only', 'disk_full']);

/**
 * Adds a gap, which the consumer is being told, to what its cursor has missed. A queue that takes no writes is still read: then the
 * gap is counted when it is told again.
 */
export async function countMissed(queue: Queue, cursor: string | undefined, { from, to }: Gap): Promise<void> {
  if (cursor === undefined) return;
  try {
    await queue.moveCursor({ kind: 'miss', name: cursor, from, to });
  } catch (error) {
    if (!(isRoteraError(error) && TAKES_NO_WRITES.has(error.code))) throw error;
  }
}

/** What `gap=fail` answers. */
export function gapError({ from, to, count, reason }: Gap): RoteraError {
  if (reason === 'recreated') return new RoteraError('epoch_changed', 'The queue was made anew.', { from, to });
  const code = reason === 'damaged' ? 'damaged' : 'rotated';
  return new RoteraError(code, `${count} messages are gone: ids ${from} to ${to - 1}.`, { from, to, count });
}

/**
 * The consumer's place is of another life of the queue: how many messages lie between cannot be known.
 * @param from where the consumer was in that life @param oldest where it goes on in this one
 */
export const recreatedGap = (from: number, oldest: number): Gap => ({
  ...gapOf(from, oldest, 'recreated'),
  count: null,
});

function endOf(queue: Queue): RoteraError {
  if (queue.ended === 'recreated') return new RoteraError('epoch_changed', `The queue ${queue.name} was made anew.`);
  if (queue.ended === 'removed') return new RoteraError('queue_not_found', `The queue ${queue.name} was removed.`);
  return new RoteraError('draining', 'The server is stopping.');
}
