/**
 * What the application does with errors, and with requests that no route is for.
 */
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { type ErrorCode, RoteraError } from '../errors.js';
import { setQueueHeaders } from './answers.js';
import type { Context } from './context.js';
import { sendProblem, toRoteraError } from './problems.js';
import { isEventSource, sendComeBack } from './tail-events.js';

/** What every restart brings with it. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['starting', 'draining']);

export function addRefusals(app: FastifyInstance, { queues, limits, metrics }: Context): void {
  const refuse = (reply: FastifyReply, error: RoteraError): void => {
    metrics.refused(error.code);
    sendProblem(reply, error);
  };
  const routes = collectRoutes(app);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    // A client that went away while it sent its body: nobody is left to be told.
    if (request.raw.destroyed && !request.raw.complete) {
      reply.hijack();
      return;
    }
    const known = toRoteraError(error, limits.maxPushBytes);
    if (PASSING.has(known.code) && isEventSource(request)) {
      metrics.refused(known.code);
      return sendComeBack(reply);
    }
    if (known.code === 'internal') request.log.error({ err: error }, 'unexpected error');
    const { queue } = request.params as { queue?: string };
    const subject = queue === undefined ? undefined : queues.find(queue);
    // Not to those who may not know of it.
    const mayKnow = known.code !== 'unauthorized' && known.code !== 'forbidden';
    if (subject !== undefined && mayKnow) setQueueHeaders(reply, subject);
    return refuse(reply, known);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] as string;
    const allow = routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    if (allow.length === 0) {
      refuse(reply, new RoteraError('not_found', 'There is nothing here: the API is below /queues.'));
      return;
    }
    const text = `${request.method} is not allowed here; allowed: ${allow.join(', ')}.`;
    refuse(reply.header('allow', allow.join(', ')), new RoteraError('method_not_allowed', text));
  });
}

/** Every route of the application, as it is added: what a request to a known path with another method is told. */
function collectRoutes(app: FastifyInstance): Array<{ method: string; pattern: RegExp }> {
  const routes: Array<{ method: string; pattern: RegExp }> = [];
  app.addHook('onRoute', ({ method, url }) => {
    // That of CORS, for preflights to any path.
    if (url === '*') return;
    const pattern = new RegExp(`^${url.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`);
    for (const one of [method].flat()) routes.push({ method: one, pattern });
  });
  return routes;
}
