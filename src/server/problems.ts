/**
 * Refusals: from whatever was thrown to the problem document that is sent.
 */
import type { FastifyError, FastifyReply } from 'fastify';
import { isRoteraError, RoteraError } from '../errors.js';
import { PROBLEM_TYPE, problemOf } from '../protocol/problem.js';
import { REQUEST_ID_HEADER } from './requests.js';

/** On every answer: a browser must not guess that a message is a script. */
export const NO_SNIFF = ['x-content-type-options', 'nosniff'] as const;
/** What an upgrade here must be (RFC 9110, section 15.5.22; RFC 6455, section 4.4). */
const UPGRADE_HEADERS = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' };
/** Seconds after which a request that may succeed later is worth another try. */
export const RETRY_AFTER_SECONDS = 1;

/**
 * Our own errors as they are; what fastify refuses, by its code; anything else is ours to mend.
 * @param maxPushBytes the limit of a body
 */
export function toRoteraError(error: FastifyError, maxPushBytes: number): RoteraError {
  if (isRoteraError(error)) return error;
  const options = { cause: error };
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const text = `The body is longer than ${maxPushBytes} bytes: send several pushes.`;
    return new RoteraError('push_too_large', text, { maxPushBytes }, options);
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    const text =
      'This request is not well formed: its method, an escape in its URL, a name that is too long, or a header.';
    return new RoteraError('bad_parameter', text, {}, options);
  }
  return new RoteraError('internal', 'Something went wrong here; the log of the server says what.', {}, options);
}

export function sendProblem(reply: FastifyReply, error: RoteraError): void {
  const problem = problemOf(error);
  const { expectedSeq, producerEpoch } = error.details;
  if (problem.retryable) reply.header('retry-after', RETRY_AFTER_SECONDS);
  if (expectedSeq !== undefined) reply.header('producer-expected-seq', expectedSeq);
  if (producerEpoch !== undefined) reply.header('producer-epoch', producerEpoch);
  reply.header(REQUEST_ID_HEADER, reply.request.id);
  if (error.code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  if (error.code === 'upgrade_required') reply.headers(UPGRADE_HEADERS);
  void reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}
