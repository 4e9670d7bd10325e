/**
 * Bodies of requests: bytes, whatever their type; what they mean is up to each route. Collected here and not by fastify, which
 * copies every body once more into new memory.
 */
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RoteraError } from '../errors.js';
import { buffers, LEAST_BYTES, MOST_BYTES } from '../queue/buffers.js';
import type { Arrival, Arrivals } from './arrivals.js';
import type { Context } from './context.js';
import { Gathered } from './gathered.js';

/** RFC 9110, section 8.3.1, as far as fastify would refuse anything else. */
const MEDIA_TYPE = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;|$)/;

/** A body that came more slowly than this, in bytes a second, is refused. */
const LEAST_RATE = 1024;

declare module 'fastify' {
  interface FastifyRequest {
    /** Where the body lies, when that is to be used again. */
    lent: Buffer | undefined;
  }
}

/**
 * What is longer than `maxPushBytes` is refused with `push_too_large`, what comes too slowly with `request_timeout`, what is
 * compressed with `encoding_refused`: its bytes would be taken for messages; and with `overloaded` what is too much together with
 * all else that arrives. A body that belongs to no operation is thrown away as it comes, within the same bounds of length and
 * time: nobody looks at it, and it needs no token.
 */
export function addBodies(app: FastifyInstance, { limits: { maxPushBytes, slowBodyMs }, arrivals }: Context): void {
  app.removeAllContentTypeParsers();
  app.decorateRequest('lent', undefined);
  // A push takes a body of any type, and one that is not even a media type as a body of none.
  app.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const type = headers['content-type'];
    if (type !== undefined && !MEDIA_TYPE.test(type)) delete headers['content-type'];
    done();
  });
  app.addContentTypeParser('*', (request, payload, done) =>
    collect({ request, payload, most: maxPushBytes, slowMs: slowBodyMs, arrivals }, done),
  );
}

/** To be called when nobody looks at the body any more, if it is: its memory is used again. */
export function giveBodyBack(request: FastifyRequest): void {
  if (request.lent !== undefined) buffers.give(request.lent);
  request.lent = undefined;
}

type Done = (error: Error | null, body?: Buffer) => void;

interface Collection {
  readonly request: FastifyRequest;
  readonly payload: IncomingMessage;
  readonly most: number;
  readonly slowMs: number;
  readonly arrivals: Arrivals;
}

function collect({ request, payload, most, slowMs, arrivals }: Collection, done: Done): void {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    const text = `The body is encoded (Content-Encoding: ${encoding.slice(0, 40)}): send it as it is.`;
    done(new RoteraError('encoding_refused', text));
    return;
  }
  // What comes is never longer: Node's parser sees to that.
  const length = Number(request.headers['content-length'] ?? Number.NaN);
  if (length > most) {
    done(tooLong(most));
    return;
  }
  const gathered = request.routeOptions.config.verb === undefined ? undefined : new Gathered();
  let bytes = 0;
  /** @returns how much more memory is held than before */
  const keep = (piece: Buffer): number => {
    if (gathered === undefined) return 0;
    if (bytes === 0 && length > piece.length && length >= LEAST_BYTES && length <= MOST_BYTES)
      request.lent = buffers.take(length);
    if (request.lent === undefined) return gathered.add(piece);
    request.lent.set(piece, bytes);
    return piece.length;
  };
  const take = (piece: Buffer): void => {
    const held = keep(piece);
    bytes += piece.length;
    if (bytes > most) end(tooLong(most));
    else arrivals.grow(arrival, held);
  };
  const end = (error: Error | null = null): void => {
    payload.off('data', take).off('end', end).off('error', end);
    arrivals.remove(arrival);
    done(error, error === null ? (request.lent?.subarray(0, bytes) ?? gathered?.whole()) : undefined);
  };
  const isLate = (ms: number): boolean => ms >= slowMs && bytes < (LEAST_RATE * ms) / 1000;
  const arrival: Arrival = { since: performance.now(), bytes: 0, isLate, refuse: end };
  arrivals.add(arrival);
  payload.on('data', take).on('end', end).on('error', end);
}

function tooLong(most: number): RoteraError {
  const text = `The body is longer than ${most} bytes: send several pushes.`;
  return new RoteraError('push_too_large', text, { maxPushBytes: most });
}
