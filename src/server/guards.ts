/**
 * What every request passes before its route sees it: the URL, the Host, the page it comes from, the token.
 */
import type { IncomingMessage } from 'node:http';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { RoteraError } from '../errors.js';
import { allows } from './access.js';
import { EXPOSED_HEADERS } from './answers.js';
import type { Context } from './context.js';
import type { Origins } from './origins.js';
import { checkHandshake } from './sockets.js';

/** How long a browser may remember the answer to a preflight. */
const PREFLIGHT_SECONDS = 3600;

export async function addGuards(
  app: FastifyInstance,
  { access, origins, limits, isReady, stopping }: Context,
): Promise<void> {
  app.decorateRequest('token', undefined);
  // Hooks that call back rather than return promises: they are on the way of every request.
  app.addHook('onRequest', (request, _reply, done) => {
    const { raw } = request;
    checkUrl(raw.url ?? '', limits.maxUrlBytes);
    origins.checkHost(raw.rawHeaders);
    checkForm(raw);
    done();
  });
  // Before anything that refuses, so that a page of an allowed origin can read why.
  if (origins.options.corsOrigins.length > 0) await addCors(app, origins);
  app.addHook('onRequest', (request, _reply, done) => {
    const { verb, changes, open, always, socket } = request.routeOptions.config;
    if (stopping.aborted && always !== true)
      throw new RoteraError('draining', 'The server is stopping. Try again in a moment.');
    if (!isReady() && open !== true)
      throw new RoteraError('starting', 'The server is opening its queues. Try again in a moment.');
    if (changes === true || request.ws) origins.checkOrigin(request.headers);
    if (open !== true && request.method !== 'OPTIONS') {
      request.token = access.identify(request.headers);
      const { queue } = request.params as { queue?: string };
      if (verb !== undefined && !allows(request.token, verb, queue)) throw forbidden(verb, queue);
    }
    // Open routes, too: what is refused after the upgrade is held until its peer has left.
    if (request.ws && !request.is404) checkHandshake(request.raw, socket === true);
    done();
  });
}

/** @throws `uri_too_long` */
function checkUrl(url: string, most: number): void {
  if (url.length <= most) return;
  throw new RoteraError('uri_too_long', `The path and query have ${url.length} bytes; at most ${most} are accepted.`);
}

/**
 * What Node's parser lets pass and another server may understand otherwise (RFC 9112, sections 2.3, 3.2.2 and 6.1).
 * @throws `bad_parameter`
 */
function checkForm({ url = '', httpVersion, headers }: IncomingMessage): void {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') throw badForm('HTTP', 'version 1.1 or 1.0');
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (httpVersion === '1.0' || coding.toLowerCase() !== 'chunked'))
    throw badForm('Transfer-Encoding', 'chunked, with HTTP/1.1');
  if (url.startsWith('/') || url === '*') return;
  const authority = /^https?:\/\/([^/?#]*)/i.exec(url)?.[1];
  if (authority?.toLowerCase() !== headers.host?.toLowerCase()) throw badForm('Host', 'the one that the URL names');
}

function badForm(parameter: string, accepted: string): RoteraError {
  return new RoteraError('bad_parameter', `${parameter}: accepted: ${accepted}.`, { parameter, accepted });
}

function forbidden(verb: string, queue: string | undefined): RoteraError {
  const subject = queue === undefined ? '' : ` ${queue}`;
  return new RoteraError('forbidden', `This token does not allow to ${verb}${subject}.`);
}

async function addCors(app: FastifyInstance, origins: Origins): Promise<void> {
  await app.register(cors, {
    origin: (origin, done) => done(null, origins.allowsPage(origin)),
    methods: ['GET', 'HEAD', 'PUT', 'POST'],
    exposedHeaders: [...EXPOSED_HEADERS],
    maxAge: PREFLIGHT_SECONDS,
    // An OPTIONS that is no preflight is a method like any other.
    strictPreflight: false,
  });
}
