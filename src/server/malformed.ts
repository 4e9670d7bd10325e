/**
 * Requests that Node's HTTP parser gives up on: no HTTP, too slow, too large. Answered in our own form, then the connection is
 * closed.
 */
import { type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { RoteraError } from '../errors.js';
import { PROBLEM_TYPE, problemOf } from '../protocol/problem.js';
import type { Connections } from './connections.js';
import type { Metrics } from './metrics.js';
import { NO_SNIFF, RETRY_AFTER_SECONDS } from './problems.js';

/** A client that still sends is listened to for so long, since a reset would take the answer from it. */
const LINGER_MS = 1000;

/** What Node says of a request that it could not parse. */
interface ParseError extends Error {
  readonly code?: string;
  /** What arrived last on the connection. */
  readonly rawPacket?: Buffer;
}

/** Answers what the parser of a server refuses. To be given to fastify before the server is there: call `watch` then. */
export class Malformed {
  /** Connections that are refused once an earlier request is answered. */
  readonly #waiting = new WeakSet<Socket>();

  constructor(
    readonly maxHeaderBytes: number,
    readonly connections: Connections,
    readonly metrics: Metrics,
  ) {}

  watch(server: Server): void {
    // An expectation that we do not know is ignored, where Node would answer in a form of its own.
    server.on('checkExpectation', (request, response) => server.emit('request', request, response));
    // All headers are seen; their bytes are what is bounded.
    server.maxHeadersCount = 0;
  }

  /** To be called for `clientError`. */
  readonly refuse = (error: ParseError, socket: Socket): void => {
    if (error.code === 'ECONNRESET') socket.destroy();
    else this.refuseWith(this.#explain(error), socket);
  };

  /** Refuses what came last on a connection, behind the answers before it, and closes the connection. */
  refuseWith(known: RoteraError, socket: Socket): void {
    const open = this.connections.unanswered(socket);
    // One that is under way would take the refusal for its own.
    const isBegun = open.some(({ headersSent, writableEnded, req }) => headersSent && !(writableEnded && req.complete));
    if (!socket.writable || isBegun) {
      socket.destroy();
      return;
    }
    // Answers go out in the order of the requests: those before the malformed one come first.
    const before = open.filter(({ req }) => req.complete).at(-1);
    if (before !== undefined) {
      if (!this.#waiting.has(socket)) before.once('close', () => this.refuseWith(known, socket));
      this.#waiting.add(socket);
      return;
    }
    this.metrics.refused(known.code);
    const problem = problemOf(known);
    const body = JSON.stringify(problem);
    const head = [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      `Content-Type: ${PROBLEM_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      NO_SNIFF.join(': '),
      ...(problem.retryable ? [`Retry-After: ${RETRY_AFTER_SECONDS}`] : []),
      'Connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  }

  #explain({ code, rawPacket }: ParseError): RoteraError {
    if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
      return new RoteraError('request_timeout', 'The request did not arrive in time.');
    }
    if (code !== 'HPE_HEADER_OVERFLOW') {
      return new RoteraError('bad_parameter', 'This is not a well-formed HTTP request.');
    }
    const line = rawPacket?.toString('latin1').split('\n', 1)[0] ?? '';
    const most = this.maxHeaderBytes;
    if (/^[A-Z]+ /.test(line) && line.length >= most / 2) {
      return new RoteraError('uri_too_long', `The head of this request is longer than ${most} bytes for its URL.`);
    }
    return new RoteraError('headers_too_large', `The headers are longer than ${most} bytes.`);
  }
}
