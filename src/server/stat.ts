/**
 * The stat of a queue as the wire shows it.
 */
import type { QueueBody, StatBody, UnreadableBody } from '../protocol/answers.js';
import type { Queue, QueueStat } from '../queue/queue.js';
import type { Unreadable } from '../queue/queues.js';
import { timeText } from './messages.js';

const timeOrNull = (ms: number | null): string | null => (ms === null ? null : timeText(ms));

/** As in the engine, with times as RFC 3339 text. @param tails tails open on the queue */
export const statBody = (stat: QueueStat, tails: number): StatBody => ({
  ...stat,
  createdAt: timeText(stat.createdAt),
  oldestTime: timeOrNull(stat.oldestTime),
  newestTime: timeOrNull(stat.newestTime),
  tails,
});

/** With its cursors. */
export const queueBody = (queue: Queue, tails: number): QueueBody => ({
  ...statBody(queue.stat(), tails),
  cursors: Object.fromEntries(
    Object.entries(queue.cursors()).map(([name, cursor]) => [
      name,
      { ...cursor, updatedAt: timeText(cursor.updatedAt) },
    ]),
  ),
});

export const unreadableBody = ({ queue, reason }: Unreadable): UnreadableBody => ({
  queue,
  state: 'unreadable',
  stateReason: reason.message,
});

/** The entity tag of a queue's content: changes with every push, and never comes back. */
export const entityTag = (queue: { readonly epoch: string; readonly next: number }): string =>
  `"${queue.epoch}:${queue.next}"`;
