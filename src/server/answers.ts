/**
 * What the answers about a queue have in common: headers, the form the client asked for, epochs and cursors.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RoteraError } from '../errors.js';
import type { Cursor } from '../queue/cursors.js';
import type { Queue } from '../queue/queue.js';

/** Headers that pages of other origins may read. */
export const EXPOSED_HEADERS = [
  'ETag',
  'Location',
  'Retry-After',
  'Rotera-Epoch',
  'Rotera-Oldest',
  'Rotera-Next',
  'Rotera-First',
  'Rotera-Read-Next',
  'Rotera-Gap',
  'Rotera-Up-To-Date',
  'Rotera-Time',
  'Producer-Expected-Seq',
  'Producer-Epoch',
] as const;

/** Every answer about a queue says where the queue stands. */
export const queueHeaders = ({ epoch, oldest, next }: Queue): Record<string, string> => ({
  'rotera-epoch': epoch,
  'rotera-oldest': String(oldest),
  'rotera-next': String(next),
});

/** @throws `epoch_changed` when the client expects another life of the queue */
export function checkEpoch(queue: Queue, epoch: string | undefined): void {
  if (epoch === undefined || epoch === queue.epoch) return;
  const text = `The queue ${queue.name} was made anew: its epoch is ${queue.epoch}, not ${epoch}.`;
  throw new RoteraError('epoch_changed', text, { epoch: queue.epoch });
}

/** @throws `beyond_end` for a place behind the one that the next message will get */
export function checkBegun({ next }: Queue, from: number): void {
  if (from <= next) return;
  const text = `from=${from} lies beyond the end: the next message will get the id ${next}.`;
  throw new RoteraError('beyond_end', text, { next });
}

/** A parameter without the cursor that it is about. */
export function needsCursor(parameter: string): RoteraError {
  const accepted = 'with cursor=NAME';
  return new RoteraError('bad_parameter', `${parameter} goes with cursor=NAME.`, { parameter, accepted });
}

/** The cursor, made at `wanted` or else `oldest` when it is new, or moved there when `move` is set. */
export async function openCursor(
  queue: Queue,
  name: string,
  wanted: number | undefined,
  move: boolean,
): Promise<Cursor> {
  const known = queue.cursor(name);
  if (known !== undefined && !move) return known;
  const position = wanted ?? (move ? known?.position : undefined) ?? queue.oldest;
  checkBegun(queue, position);
  return await queue.moveCursor({ kind: 'open', name, position, move });
}

/**
 * Of the forms on offer the one that the client's `Accept` gives the highest weight; of several, the one it names most exactly,
 * then the first. Without `Accept`, the first (RFC 9110, section 12.5.1).
 * @throws `not_acceptable`
 */
export function negotiate<T extends string>({ headers: { accept } }: FastifyRequest, offered: readonly T[]): T {
  if (accept === undefined) return offered[0] as T;
  const ranges = accept.split(',').map(parseRange);
  let best = { type: '' as T, weight: 0, exact: 0 };
  for (const type of offered) {
    const fitting = ranges.map((range) => ({ type, weight: range.weight, exact: exactness(range.pattern, type) }));
    const { weight, exact } = fitting.reduce((a, b) => (b.exact > a.exact ? b : a), { type, weight: 0, exact: 0 });
    if (weight > best.weight || (weight > 0 && weight === best.weight && exact > best.exact))
      best = { type, weight, exact };
  }
  if (best.weight > 0) return best.type;
  const text = `None of ${accept} can be given; on offer: ${offered.join(', ')}.`;
  throw new RoteraError('not_acceptable', text, { accepted: offered });
}

function parseRange(range: string): { pattern: string; weight: number } {
  const [pattern = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
  const quality = parameters.find((parameter) => parameter.startsWith('q='));
  const weight = quality === undefined ? 1 : Number(quality.slice(2));
  return { pattern, weight: weight >= 0 && weight <= 1 ? weight : 0 };
}

/** How exactly a media range names a type; 0 when it does not. */
const exactness = (pattern: string, type: string): number =>
  pattern === type
    ? 3
    : pattern.endsWith('/*') && type.startsWith(pattern.slice(0, -1))
      ? 2
      : pattern === '*/*'
        ? 1
        : 0;

/** Whether an `If-None-Match` names this entity tag (RFC 9110, section 13.1.2). */
export function namesTag(header: string | undefined, tag: string): boolean {
  const names = header?.split(',').map((one) => one.trim()) ?? [];
  return names.some((name) => name === '*' || name === tag || name === `W/${tag}`);
}

/** Sets the headers of {@link queueHeaders}. */
export const setQueueHeaders = (reply: FastifyReply, queue: Queue): FastifyReply => reply.headers(queueHeaders(queue));
