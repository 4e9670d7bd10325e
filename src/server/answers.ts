/**
 * What every answer about a queue has in common: its headers, and the form the client asked for.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { RoteraError } from '../errors.js';
import type { Queue } from '../queue/queue.js';

/** Every answer about a queue says where the queue stands. */
export function setQueueHeaders(reply: FastifyReply, queue: Queue): FastifyReply {
  return reply
    .header('rotera-epoch', queue.epoch)
    .header('rotera-oldest', queue.oldest)
    .header('rotera-next', queue.next);
}

/**
 * The first of the forms on offer that the client's `Accept` allows with the highest weight; the first on offer without one.
 * @throws `not_acceptable`
 */
export function negotiate<T extends string>(request: FastifyRequest, offered: readonly T[]): T {
  const { accept } = request.headers;
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
