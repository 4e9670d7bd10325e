import { rmSync } from 'node:fs';
import t from 'tap';
import { type Batch, batchOf } from '../../src/batch.js';
import type { RoteraClient } from '../../src/client/client.js';
import { connect } from '../../src/client/node.js';
import { type ErrorCode, isRoteraError, RoteraError } from '../../src/errors.js';
import { onBothPlatforms, SwiftClock } from '../support/clients.js';
import { Restartable } from '../support/gateway.js';
import { SMALL } from '../support/queues.js';
import { type ServerOptions, startServer } from '../support/server.js';

async function textsOf(client: RoteraClient, queue = 'q'): Promise<string[]> {
  const texts: string[] = [];
  for await (const { messages } of client.pages(queue)) texts.push(...messages.map(({ text }) => text));
  return texts;
}

onBothPlatforms(t, 'one message, and several as one push', async (t, connect) => {
  const client = connect({ url: (await startServer(t)).url });
  const { epoch } = await client.create('q', SMALL);
  t.strictSame(await client.push('q', 'grüezi'), { queue: 'q', epoch, first: 0, next: 1, duplicate: false });
  t.match(await client.push('q', ['a', Uint8Array.of(0, 255), '']), { first: 1, next: 4 });
  t.match(await client.push('q', batchOf([Buffer.from('ready')])), { first: 4, next: 5 });
  const { messages } = await client.read('q');
  t.strictSame(
    messages.map(({ id, data }) => [id, Buffer.from(data).toString('latin1')]),
    [
      [0, Buffer.from('grüezi').toString('latin1')],
      [1, 'a'],
      [2, '\u0000ÿ'],
      [3, ''],
      [4, 'ready'],
    ],
  );
});

/** A server that refuses the pushes counted here, the first being 0, as if it were in trouble. */
function refusing(
  refusals: Readonly<Record<number, { code: ErrorCode; status: number; outcome?: string }>>,
): ServerOptions {
  let pushes = 0;
  return {
    prepare: (app) =>
      app.addHook('preHandler', async (request, reply) => {
        const problem = request.method === 'POST' ? refusals[pushes++] : undefined;
        if (problem === undefined) return;
        await reply
          .code(problem.status)
          .type('application/problem+json')
          .send(JSON.stringify({ ...problem, detail: 'Not now.' }));
      }),
  };
}

onBothPlatforms(
  t,
  'a push of unknown outcome is told as such, and the next push is not taken for it',
  async (t, connect) => {
    const refusals = [
      ['starting', 503],
      ['draining', 503],
      ['overloaded', 503],
      ['unauthorized', 401],
      ['queue_not_found', 404],
      ['producer_gap', 409],
      ['push_too_large', 413],
    ] as const;
    for (const [code, status] of refusals) {
      const directory = t.testdir({ [code]: {} });
      const options = { directory: `${directory}/${code}`, ...refusing({ 1: { code, status } }) };
      const there = await Restartable.start(t, options);
      const client = connect({ url: there.url, clock: new SwiftClock(), retryMs: 100 });
      await client.create('q', SMALL);
      there.gateway.loseAnswers(1);
      const details = { outcome: 'unknown', refusal: code };
      await t.rejects(client.push('q', 'a'), { code: 'unreachable', details }, code);
      t.match(await client.push('q', 'b'), { first: 1, next: 2, duplicate: false }, code);
      t.strictSame(await textsOf(there.server.client), ['a', 'b'], code);
    }
  },
);

t.test('what the last try leaves open is told as well, and what was never sent is not open', async (t) => {
  for (const refusal of [
    { code: 'queue_read_only', status: 503 },
    { code: 'internal', status: 500 },
    // Stored in a file that was moved away, and may come back.
    { code: 'queue_not_found', status: 404, outcome: 'unknown' },
  ] as const) {
    const { code } = refusal;
    const directory = t.testdir({ [code]: {} });
    const { client } = await startServer(t, { directory: `${directory}/${code}`, ...refusing({ 0: refusal }) });
    await client.create('q', SMALL);
    await t.rejects(client.push('q', 'a'), { code, details: { outcome: 'unknown' } });
    t.match(await client.push('q', 'b'), { duplicate: false });
  }
  const error = await connect({ url: 'http://127.0.0.1:1', retryMs: 0 })
    .push('q', 'a')
    .catch((thrown: unknown) => thrown);
  t.match(error, { code: 'unreachable' });
  t.notMatch(error, { details: { outcome: 'unknown' } });
});

t.test('a push that was aborted under way does not swallow the next one', async (t) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  const ending = new AbortController();
  // A reason that looks like a refusal is none.
  const reason = new RoteraError('overloaded', 'enough');
  const clock = new SwiftClock();
  clock.sleep = async () => {
    ending.abort(reason);
    throw reason;
  };
  const client = connect({ url: there.url, clock });
  await client.create('q', SMALL);
  there.gateway.loseAnswers(1);
  await t.rejects(client.push('q', 'a', { signal: ending.signal }), reason);
  t.match(await client.push('q', 'b'), { first: 1, duplicate: false });
});

t.test('a condition that is not met settles the doubt: the push was not kept', async (t) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  const client = connect({ url: there.url, clock: new SwiftClock() });
  const { epoch } = await client.create('q', SMALL);
  await client.push('q', 'a');
  there.gateway.loseAnswers(1);
  const error = await client.push('q', 'b', { ifAt: { epoch, next: 0 } }).catch((thrown: unknown) => thrown);
  t.match(error, { code: 'next_moved' });
  t.notMatch(error, { details: { outcome: 'unknown' } });
  there.gateway.loseAnswers(1);
  t.match(await client.push('q', 'c', { ifAt: { epoch, next: 1 } }), { first: 1, duplicate: true });
});

t.test('a producer that is not known any more gets a new name, unless its push is in doubt', async (t) => {
  const there = await Restartable.start(t, {
    directory: t.testdir(),
    ...refusing({ 1: { code: 'starting', status: 503 } }),
  });
  const client = connect({ url: there.url, clock: new SwiftClock() });
  await client.create('q', SMALL);
  await client.push('q', 'a');
  const { queues } = there.server;
  rmSync(`${queues.directory}/q.rot`);
  await queues.rescan();
  await there.server.client.create('q', SMALL);
  t.match(await client.push('q', 'b'), { first: 0, duplicate: false }, 'after a refusal');
});

t.test('a stream whose batch is in doubt does not send it again in halves', async (t) => {
  const there = await Restartable.start(t, {
    directory: t.testdir(),
    ...refusing({ 1: { code: 'push_too_large', status: 413 } }),
  });
  const client = connect({ url: there.url, clock: new SwiftClock() });
  await client.create('q', SMALL);
  async function* source(): AsyncGenerator<Batch> {
    there.gateway.loseAnswers(1);
    yield batchOf(['a', 'b', 'c', 'd'].map((text) => Buffer.from(text)));
  }
  await t.rejects(client.push('q', source()), { code: 'unreachable', details: { outcome: 'unknown' } });
  t.strictSame(await textsOf(there.server.client), ['a', 'b', 'c', 'd'], 'kept once');
});

onBothPlatforms(t, 'an answer that is lost does not double its push', async (t, connect) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  const clock = new SwiftClock();
  const client = connect({ url: there.url, clock });
  await client.create('q', SMALL);
  for (let i = 0; i < 5; i++) {
    there.gateway.loseAnswers(2);
    t.match(await client.push('q', `message ${i}`), { first: i, next: i + 1, duplicate: true });
  }
  t.equal(clock.waits.length, 10);
  t.strictSame(await textsOf(there.server.client), ['message 0', 'message 1', 'message 2', 'message 3', 'message 4']);
});

t.test('pushes under way at once do not get into each other’s way', async (t) => {
  const { client } = await startServer(t);
  await client.create('q', SMALL);
  await Promise.all(Array.from({ length: 100 }, (_, i) => client.push('q', String(i))));
  const texts = await textsOf(client);
  t.strictSame(
    texts.map(Number).sort((a, b) => a - b),
    Array.from({ length: 100 }, (_, i) => i),
  );
});

t.test('a queue that was made anew takes the pushes of those who knew the old one', async (t) => {
  const { client, queues } = await startServer(t);
  await client.create('q', SMALL);
  for (let i = 0; i < 3; i++) await client.push('q', String(i));
  rmSync(`${queues.directory}/q.rot`);
  await queues.rescan();
  await client.create('q', SMALL);
  t.match(await client.push('q', 'again'), { first: 0, duplicate: false });
});

t.test('a push can ask that nothing has been pushed since', async (t) => {
  const { client } = await startServer(t);
  const { epoch, next } = await client.create('q', SMALL);
  t.match(await client.push('q', 'a', { ifAt: { epoch, next } }), { first: 0 });
  await t.rejects(client.push('q', 'b', { ifAt: { epoch, next } }), { code: 'next_moved' });
  t.match(await client.push('q', 'c', { ifAt: { epoch, next: 1 } }), { first: 1 });
});

t.test('a stream is pushed in batches of the size asked for, in order', async (t) => {
  const { client } = await startServer(t);
  await client.create('q', SMALL);
  const sizes: number[] = [];
  async function* source(): AsyncGenerator<string> {
    for (let i = 0; i < 10; i++) yield `message ${i}`;
  }
  const options = { batchMessages: 4, onPush: (_: unknown, { count }: { count: number }) => sizes.push(count) };
  t.strictSame(await client.push('q', source(), options), { messages: 10, bytes: 90, first: 0, next: 10 });
  t.equal(Math.max(...sizes), 4);
  t.strictSame(
    await textsOf(client),
    Array.from({ length: 10 }, (_, i) => `message ${i}`),
  );
});

t.test('a stream that pauses is pushed up to the pause', async (t) => {
  const { client } = await startServer(t);
  await client.create('q', SMALL);
  async function* source(): AsyncGenerator<string> {
    yield 'a';
    yield 'b';
    // The stream goes on only when a reader has both: they must not wait for company.
    for (const [from, text] of ['a', 'b'].entries()) {
      t.match((await client.read('q', { from, wait: 60 })).messages[0], { id: from, text });
    }
    yield 'c';
  }
  t.match(await client.push('q', source()), { messages: 3, next: 3 });
});

t.test('a stream is cut to what the queue takes at once', async (t) => {
  const { client } = await startServer(t);
  await client.create('q', { ...SMALL, maxMessages: 7, maxBytes: 50 });
  async function* source(): AsyncGenerator<string> {
    for (let i = 0; i < 100; i++) yield `message ${i}`;
  }
  t.match(await client.push('q', source(), { batchMessages: 64 }), { messages: 100, next: 100 });
  t.strictSame(
    await textsOf(client),
    Array.from({ length: 5 }, (_, i) => `message ${95 + i}`),
  );
});

t.test('a message that is too long stops a stream behind the ones before it', async (t) => {
  const { client } = await startServer(t);
  await client.create('q', { ...SMALL, maxMessageBytes: 10 });
  async function* source(): AsyncGenerator<string> {
    yield* ['a', 'b', 'much too long for it', 'c'];
  }
  await t.rejects(client.push('q', source()), { code: 'message_too_large', details: { message: 2 } });
  t.strictSame(await textsOf(client), ['a', 'b']);
});

t.test('a source that fails is pushed up to its failure', async (t) => {
  const { client } = await startServer(t);
  await client.create('q', SMALL);
  async function* source(): AsyncGenerator<string> {
    yield* ['a', 'b'];
    throw new Error('no more');
  }
  await t.rejects(client.push('q', source()), { message: 'no more' });
  t.strictSame(await textsOf(client), ['a', 'b']);
});

t.test('a failure is told although the source says nothing more', async (t) => {
  const { client } = await startServer(t);
  async function* source(): AsyncGenerator<string> {
    yield 'a';
    await new Promise(() => undefined);
  }
  await t.rejects(client.push('missing', source()), { code: 'queue_not_found' });
});

t.test('a stream survives its server, and doubles nothing', async (t) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  const client = there.server.client;
  await client.create('q', SMALL);
  // Its clock goes ahead with each wait: an hour of it is long enough for a server that starts on a busy machine.
  const away = connect({ url: there.url, clock: new SwiftClock(), retryMs: 3_600_000 });
  async function* source(): AsyncGenerator<string> {
    for (let i = 0; i < 60; i++) {
      if (i % 20 === 10) await there.restart();
      if (i % 20 === 15) there.gateway.loseAnswers(1);
      yield String(i);
    }
  }
  t.match(await away.push('q', source(), { batchMessages: 5 }), { messages: 60 });
  t.strictSame(
    await textsOf(there.server.client),
    Array.from({ length: 60 }, (_, i) => String(i)),
  );
});

onBothPlatforms(t, 'a signal ends a push, and a stream', async (t, connect) => {
  const client = connect({ url: (await startServer(t)).url });
  await client.create('q', SMALL);
  const reason = new Error('stop it');
  await t.rejects(client.push('q', 'a', { signal: AbortSignal.abort(reason) }), reason);
  const ending = new AbortController();
  async function* source(): AsyncGenerator<string> {
    yield 'a';
    ending.abort(reason);
    await new Promise(() => undefined);
  }
  await t.rejects(client.push('q', source(), { signal: ending.signal }), reason);
  const error = await client.push('q', []).catch((thrown: unknown) => thrown);
  t.ok(isRoteraError(error, 'empty_batch'), 'and nothing is no push');
});

t.test('what a batch has no room for begins the next one: no small push between', async (t) => {
  const { client } = await startServer(t);
  await client.create('q', SMALL);
  const sizes: number[] = [];
  async function* source(): AsyncGenerator<Batch> {
    for (let i = 0; i < 10; i++) yield batchOf([1, 2, 3].map((n) => Buffer.from(`${i} ${n}`)));
  }
  await client.push('q', source(), {
    batchMessages: 7,
    lingerMs: 60_000,
    onPush: (_, { count }) => sizes.push(count),
  });
  t.strictSame(sizes, [6, 6, 6, 6, 6]);
  t.strictSame(
    await textsOf(client),
    Array.from({ length: 30 }, (_, i) => `${Math.floor(i / 3)} ${(i % 3) + 1}`),
  );
});

t.test('a stream in batches of nothing is one in batches of one', async (t) => {
  const { client } = await startServer(t);
  await client.create('q', SMALL);
  async function* source(): AsyncGenerator<string> {
    yield* ['a', 'b', ''];
  }
  t.match(await client.push('q', source(), { batchMessages: 0, batchBytes: 0 }), { messages: 3 });
  t.strictSame(await textsOf(client), ['a', 'b', '']);
});
