// @ts-check
/**
 * What the numbers of a stat mean: how full a queue is, what rotates it, which cursors are in danger. Pure.
 */
import { brief, duration, number } from './format.js';

/**
 * @typedef {import('../../protocol/answers.js').StatBody} Stat
 * @typedef {import('../../protocol/answers.js').QueueBody} QueueBody
 * @typedef {import('../../protocol/answers.js').UnreadableBody} Unreadable
 * @typedef {import('../../protocol/answers.js').CursorBody} Cursor
 * @typedef {'ok' | 'near' | 'over'} Danger
 */

/** A cursor is near being overrun when so little of what the queue holds lies between it and rotation. */
const NEAR_SHARE = 0.2;
const FULL = 0.9;

/** @param {Stat | Unreadable} queue @returns {queue is Stat} */
export const isReadable = (queue) => queue.state !== 'unreadable';

/** The limit that is nearer: 0 empty, 1 full. @param {Stat} stat */
export const fill = ({ count, maxMessages, bytes, maxBytes }) =>
  Math.min(1, Math.max(count / maxMessages, bytes / maxBytes));

/** How many messages of the present size fit. @param {Stat} stat */
export const capacity = (stat) =>
  stat.count === 0 ? stat.maxMessages : Math.max(1, Math.min(stat.maxMessages, stat.count / fill(stat)));

/** @param {Cursor} cursor @param {Stat} stat @returns {Danger} */
export function danger({ position, lag, headroom }, stat) {
  if (position < stat.oldest) return 'over';
  // In a queue with room left it is age that rotates.
  const byAge = stat.maxAgeSeconds !== null && fill(stat) < FULL;
  const soon = byAge && headroom.seconds !== null && headroom.seconds <= NEAR_SHARE * (stat.maxAgeSeconds ?? 0);
  return lag > 0 && (soon || headroom.messages <= NEAR_SHARE * capacity(stat)) ? 'near' : 'ok';
}

/** @param {Cursor} cursor @param {Stat} stat */
export function dangerText(cursor, stat) {
  const { headroom } = cursor;
  if (danger(cursor, stat) === 'over') return `overrun, ${number(stat.oldest - cursor.position)} gone`;
  if (cursor.lag === 0) return 'up to date';
  if (headroom.seconds === null) return `room for ${brief(headroom.messages)} more`;
  const span = duration(headroom.seconds);
  return danger(cursor, stat) === 'near' ? `overrun in ${span}` : `room for ${span}`;
}

/** @type {ReadonlyArray<readonly [keyof Stat['rotated'], string]>} */
const REASONS = [
  ['byCount', 'count'],
  ['byBytes', 'bytes'],
  ['byAge', 'age'],
  ['byRoom', 'file size'],
];

/** Which limits have rotated out messages since the earlier stat, or ever when there is none. @param {Stat} stat @param {Stat} [earlier] */
export const rotatedBy = ({ rotated }, earlier) =>
  REASONS.filter(([key]) => rotated[key] > (earlier?.rotated[key] ?? 0)).map(([, word]) => word);

/** @param {Stat} stat */
export function limitsText({ maxMessages, maxAgeSeconds }) {
  const messages = `at most ${brief(maxMessages)} messages`;
  return maxAgeSeconds === null ? messages : `${messages}, ${duration(maxAgeSeconds)}`;
}
