import { isProblem } from '../support/server.js';
import { makeQueue, push, type Suite } from './words.js';

/** To an EventSource, which gives up on an error status. */
const COME_BACK = 'retry: 2000\n\nevent: draining\ndata: {}\n\n';

/** Over real connections only: nothing can be injected into an application that is being closed. */
export const draining: Suite = (t, start) => {
  t.test('a server that stops refuses what is new', async (t) => {
    let stopping = async (): Promise<void> => undefined;
    // Runs behind the server's own hook, while it still answers.
    const wire = await start(t, { prepare: (app) => app.addHook('preClose', () => stopping()) });
    const queue = await makeQueue(wire);
    stopping = async () => {
      for (const path of ['/queues', '/queues/q', '/queues/q/messages', '/queues/q/tail'])
        isProblem(t, await wire.send({ path }), 503, 'draining');
      const accept = { accept: 'text/event-stream' };
      const stream = await wire.send({ path: '/queues/q/tail', headers: accept });
      t.strictSame([stream.status, stream.body.toString()], [200, COME_BACK]);
      isProblem(t, await push(wire, 'x'), 503, 'draining');
      isProblem(t, await wire.send({ method: 'PUT', path: '/queues/new' }), 503, 'draining');
      t.equal((await wire.send({ path: '/healthz' })).status, 200, 'it is alive');
      t.match((await wire.send({ path: '/readyz' })).json, { status: 'draining' });
    };
    await wire.app.close();
    t.equal(queue.next, 0);
  });
};
