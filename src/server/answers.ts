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
  if (position > queue.next) {
    const text = `from=${position} lies beyond the end: the next message will get the id ${queue.next}.`;
    throw new RoteraError('beyond_end', text, { next: queue.next });
  }
  return await queue.moveCursor({ kind: 'open', name, position, move });
}

/**
 * The first of the forms on offer that the client's `Accept` allows with the highest weight; the first on offer without one.
 * @throws `not_acceptable`
 */
export function negotiate<T extends string>({ headers: { accept } }: FastifyRequest, offered: readonly T[]): T {
  if (accept === undefined) return offered[0] as T;
  let best: { type: T; weight: number } | undefined;
  for (const range of accept.split(',')) {
    const [pattern = '', ...parameters] = range.split(';').map((part) => part.trim());
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    const weight = quality === undefined ? 1 : Number(quality.slice(2));
    const type = offered.find((candidate) => matches(pattern.toLowerCase(), candidate));
    if (type !== undefined && weight > (best?.weight ?? 0)) best = { type, weight };
  }
  if (best !== undefined) return best.type;
  const text = `None of ${accept} can be given; on offer: ${offered.join(', ')}.`;
  throw new RoteraError('not_acceptable', text, { accepted: offered });
}

const matches = (pattern: string, type: string): boolean =>
  pattern === '*/*' || pattern === type || (pattern.endsWith('/*') && type.startsWith(pattern.slice(0, -1)));

/** Sets the headers of {@link queueHeaders}. */
export const setQueueHeaders = (reply: FastifyReply, queue: Queue): FastifyReply => reply.headers(queueHeaders(queue));
