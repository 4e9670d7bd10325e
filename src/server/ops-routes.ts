/**
 * For those who operate the server; not part of the API proper: `/healthz`, `/readyz`.
 */
import type { FastifyInstance } from 'fastify';
import type { Context } from './context.js';

export function addOpsRoutes(app: FastifyInstance, { queues, stopping }: Context): void {
  // Alive: answered by the event loop alone, whatever the disks do.
  app.get('/healthz', { config: { open: true } }, async () => ({ status: 'ok' }));

  // Ready: 503 while stopping, or while a queue takes no writes; names it.
  app.get('/readyz', { config: { open: true } }, async (_request, reply) => {
    const faulty = queues.all.filter((queue) => queue.state !== 'ok').map(({ name }) => name);
    const unreadable = queues.unreadable.map(({ queue }) => queue);
    const status = stopping.aborted ? 'draining' : faulty.length > 0 ? 'read_only' : 'ok';
    if (status !== 'ok') reply.code(503);
    return { status, readOnly: faulty, unreadable };
  });
}
