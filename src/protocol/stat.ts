/**
 * The stat of a queue as the wire shows it.
 */
import type { QueueState, QueueStat } from '../queue/queue.js';
import { timeOrNull, timeText } from './messages.js';

/** As in the engine, with times as RFC 3339 text. */
export interface StatBody extends Omit<QueueStat, 'createdAt' | 'oldestTime' | 'newestTime'> {
  readonly createdAt: string;
  readonly oldestTime: string | null;
  readonly newestTime: string | null;
  /** Tails open on this queue. */
  readonly tails: number;
}

/** A queue whose file cannot be opened, in the list of all. */
export interface UnreadableBody {
  readonly queue: string;
  readonly state: QueueState;
  readonly stateReason: string;
}

export const statBody = (stat: QueueStat, tails: number): StatBody => ({
  ...stat,
  createdAt: timeText(stat.createdAt),
  oldestTime: timeOrNull(stat.oldestTime),
  newestTime: timeOrNull(stat.newestTime),
  tails,
});

/** The entity tag of a queue's content: changes with every push, comes back never. */
export const entityTag = (queue: { readonly epoch: string; readonly next: number }): string =>
  `"${queue.epoch}:${queue.next}"`;
