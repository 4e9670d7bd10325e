/**
 * For those who operate the server, and for programs that want to know the API; not part of the API proper: `/healthz`,
 * `/readyz`, `/metrics`, `/openapi.json`.
 */
import { promisify } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { JSON_TYPE } from '../protocol/api.js';
import { openapi } from '../protocol/openapi.js';
import type { Context } from './context.js';
import { METRICS_TYPE } from './metrics.js';

/** Answered to everyone, and while the server starts and stops, too. */
const HEALTH = { config: { open: true, always: true }, exposeHeadRoute: true };

export function addOpsRoutes(app: FastifyInstance, context: Context): void {
  const { queues, stopping, tails, metrics } = context;
  // Alive: answered by the event loop alone, whatever the disks do.
  app.get('/healthz', HEALTH, async () => ({ status: 'ok' }));

  // Ready: 503 while starting or stopping, or while a queue takes no writes; names it.
  app.get('/readyz', HEALTH, async (_request, reply) => {
    const readOnly = queues.all.filter(({ state }) => state !== 'ok').map(({ name }) => name);
    const unreadable = queues.unreadable.map(({ queue }) => queue);
    const status = stopping.aborted
      ? 'draining'
      : !context.isReady()
        ? 'starting'
        : readOnly.length > 0
          ? 'read_only'
          : 'ok';
    if (status !== 'ok') reply.code(503);
    return { status, readOnly, unreadable };
  });

  const described = JSON.stringify(openapi);
  app.get('/openapi.json', { config: { open: true }, exposeHeadRoute: true }, async (_request, reply) =>
    reply.type(JSON_TYPE).header('cache-control', 'no-cache').send(described),
  );

  // What all queues together say is for those who may stat all of them.
  app.get('/metrics', { config: { verb: 'stat' } }, async (_request, reply) => {
    const connections = promisify(app.server.getConnections.bind(app.server));
    const text = await metrics.scrape({ queues, tails, connections });
    return reply.type(METRICS_TYPE).header('cache-control', 'no-store').send(text);
  });
}
