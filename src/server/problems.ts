/**
 * Refusals: from whatever was thrown to the problem document that is sent.
 */
import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply } from 'fastify';
import { isRoteraError, RoteraError } from '../errors.js';
import { MAX_PUSH_BYTES } from '../protocol/api.js';
import { PROBLEM_TYPE, problemOf } from '../protocol/problem.js';

/** On every answer: a browser must not guess that a message is a script. */
export const NO_SNIFF = ['x-content-type-options', 'nosniff'] as const;
/** Seconds after which a request that may succeed later is worth another try. */
const RETRY_AFTER_SECONDS = 1;

/** Our own errors as they are; what fastify refuses, by its code; anything else is ours to mend. */
export function toRoteraError(error: FastifyError): RoteraError {
  if (isRoteraError(error)) return error;
  const options = { cause: error };
  if (error.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const text = `The body is longer than ${MAX_PUSH_BYTES} bytes: send several pushes.`;
    return new RoteraError('push_too_large', text, { maxPushBytes: MAX_PUSH_BYTES }, options);
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    const text = 'This request is not well formed: an escape in its URL, a name that is too long, or a header.';
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
  if (error.code === 'unauthorized') reply.header('www-authenticate', 'Bearer');
  void reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem));
}

/** A request that is no HTTP, too slow or too large: answered in our own form, then the connection is closed. */
export function refuseMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOf(malformed(error.code));
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    NO_SNIFF.join(': '),
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

/** @param code of Node's HTTP parser */
function malformed(code: string | undefined): RoteraError {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new RoteraError('headers_too_large', 'The headers are longer than 16 KiB.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new RoteraError('request_timeout', 'The request did not arrive in time.');
  return new RoteraError('bad_parameter', 'This is not a well-formed HTTP request.');
}
