import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import t, { type Test } from 'tap';
import { Running, runHere } from '../support/cli.js';
import { type Server, startServer } from '../support/server.js';

t.test('measures pushes, reads and tails, and asks before it rotates messages out', async (t) => {
  const { client, url } = await startServer(t);
  const env = { ROTERA_URL: url };
  await client.create('q', { maxBytes: 4 * 1024 * 1024, reserve: false });
  const words = ['bench', 'q', '--duration', '50ms', '--batch', '10', '--size', '20', '--connections', '2'];
  const ran = await runHere([...words, '--json'], env);
  t.equal(ran.code, 0, ran.stderr);
  const measured = ran.stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.strictSame(
    measured.map(({ part }) => part),
    ['push', 'read', 'tail'],
  );
  for (const { requests, messages, bytes, seconds, latencyMs } of measured) {
    t.ok(requests > 0 && messages >= requests && bytes >= messages && seconds >= 0.05);
    t.ok(latencyMs.p50 <= latencyMs.p95 && latencyMs.p95 <= latencyMs.p99 && latencyMs.p99 <= latencyMs.max);
  }
  t.match(await client.stat('q'), { next: measured[0].messages + measured[2].messages });
  t.equal((await runHere(words, env)).code, 2, 'the queue holds messages');
  await client.create('empty', { maxBytes: 4 * 1024 * 1024, reserve: false });
  for (const sizes of [
    ['--size', '100M'],
    ['--size', '1M', '--batch', '20'],
  ])
    t.match(await runHere(['bench', 'empty', ...sizes], env), { code: 2, stderr: /^rotera: --/ });
  t.match((await runHere([...words, '--yes'], env)).stdout.toString(), /MESSAGES\/S(?:.|\n)*push(?:.|\n)*tail/);
});

/** A server whose push of the tail's part is met like this. */
const meetingTail = (t: Test, meet: (reply: FastifyReply) => Promise<unknown>): Promise<Server> =>
  startServer(t, {
    prepare: (app) =>
      app.addHook('preHandler', async (request, reply) => {
        // That of one message alone.
        if (request.method === 'POST' && Number(request.headers['content-length']) < 100) await meet(reply);
      }),
  });
const SHORT = ['bench', 'q', '--duration', '50ms', '--batch', '10', '--size', '20', '--json'];

t.test('Ctrl-C while the tail is measured ends it well', async (t) => {
  const { client, url } = await meetingTail(t, (reply) => {
    bench.interrupt();
    return once(reply.raw, 'close');
  });
  await client.create('q', { maxBytes: 4 * 1024 * 1024, reserve: false });
  const bench = new Running(SHORT, { ROTERA_URL: url });
  t.equal(await bench.done, 130);
  t.equal(bench.stderr, '');
});

t.test('a push that fails while the tail is measured ends it with its error', async (t) => {
  const { client, url } = await meetingTail(t, async (reply) => {
    const problem = { code: 'forbidden', detail: 'Not any more.', status: 403 };
    await reply.code(403).type('application/problem+json').send(JSON.stringify(problem));
  });
  await client.create('q', { maxBytes: 4 * 1024 * 1024, reserve: false });
  const ran = await runHere(SHORT, { ROTERA_URL: url });
  t.match(ran, { code: 77, stderr: /Not any more/ });
});
