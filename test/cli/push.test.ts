import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import type { RoteraClient } from '../../src/client/client.js';
import { Running, runHere } from '../support/cli.js';
import { Restartable } from '../support/gateway.js';
import { SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';

interface Given {
  readonly client: RoteraClient;
  readonly env: Record<string, string>;
  /** Of the files asked for. */
  readonly dir: string;
  /** Messages kept. */
  readonly kept: () => Promise<string[]>;
}

/** A server with the queue 55, and files. */
async function given(t: Test, limits: object = {}, files: Record<string, string | object> = {}): Promise<Given> {
  const dir = t.testdir({ ...files, rots: {} } as Parameters<Test['testdir']>[0]);
  const { client, url } = await startServer(t, { directory: join(dir, 'rots') });
  await client.create('55', { ...SMALL, ...limits });
  const kept = async (): Promise<string[]> => {
    const { messages } = await client.read('55', { limit: 10_000 });
    return messages.map(({ data }) => Buffer.from(data).toString('latin1'));
  };
  return { client, env: { ROTERA_URL: url }, dir, kept };
}

t.test(
  'lines come back as they were: with \\r\\n, empty ones, bytes that are no text, and a last one without newline',
  async (t) => {
    const { env, kept } = await given(t);
    const ran = await runHere(['push', '55', '--json'], env, Buffer.from('a\n\nb\r\n\r\n \xff\xfe\0\nlast', 'latin1'));
    t.strictSame(JSON.parse(ran.stdout.toString()), { queue: '55', messages: 6, next: 6 });
    t.strictSame(await kept(), ['a', '', 'b\r', '\r', ' \xff\xfe\0', 'last']);
  },
);

t.test('other delimiters than newlines', async (t) => {
  const { env, kept } = await given(t);
  const pushed: ReadonlyArray<readonly [delimiter: string, input: string, messages: string[]]> = [
    ['\\0', 'a\nb\0\0c', ['a\nb', '', 'c']],
    [', ', 'x, y,z, ', ['x', 'y,z']],
    ['\\x1e\\n', '1\x1e\n2\n\x1e3\x1e\n', ['1', '2\n\x1e3']],
    ['é', 'aéb', ['a', 'b']],
  ];
  const all: string[] = [];
  for (const [delimiter, input, messages] of pushed) {
    t.equal((await runHere(['push', '55', '--delimiter', delimiter], env, input)).code, 0);
    all.push(...messages);
    t.strictSame(await kept(), all, delimiter);
  }
  for (const delimiter of ['', '\\q', ', \\', '\\x4', '\\\\\\q'])
    t.equal((await runHere(['push', '55', `--delimiter=${delimiter}`], env, 'a')).code, 2, delimiter);
  t.equal((await runHere(['push', '55', '-d', '\\\\q'], env, 'one\\qtwo')).code, 0);
  t.strictSame((await kept()).slice(-2), ['one', 'two']);
});

t.test('a delimiter that arrives in pieces is found', async (t) => {
  const { env, kept } = await given(t);
  const push = new Running(['push', '55', '-d', '--8<--'], env);
  for (const piece of ['one--', '8<', '--two-', '-8<', '-x', '--8<--', 'three--8<-']) {
    push.stdin.write(piece);
    await new Promise(setImmediate);
  }
  push.stdin.end();
  t.equal(await push.done, 0);
  t.strictSame(await kept(), ['one', 'two--8<-x', 'three--8<-']);
});

t.test('texts, files, and files as one message each', async (t) => {
  const { env, kept, dir } = await given(t, {}, { a: 'one\ntwo\n', b: 'three', empty: '' });
  const [a, b, empty] = ['a', 'b', 'empty'].map((name) => join(dir, name)) as [string, string, string];
  t.match(await runHere(['push', '55', '-m', 'hello', '-m', '-5 words'], env, 'not read'), {
    code: 0,
    stderr: /2 messages/,
  });
  t.equal((await runHere(['push', '55', a, b, empty], env)).code, 0);
  t.equal((await runHere(['push', '55', '--whole-file', a, b, empty], env)).code, 0);
  t.equal((await runHere(['push', '55', '--whole-file'], env, 'from\nstdin\n')).code, 0);
  t.strictSame(await kept(), ['hello', '-5 words', 'one', 'two', 'three', 'one\ntwo\n', 'three', '', 'from\nstdin\n']);
});

t.test('a file that is not there is told before anything of it is pushed, and what was pushed before it', async (t) => {
  const { env, kept, dir } = await given(t, {}, { a: 'one\ntwo\n', folder: {} });
  for (const missing of ['missing', 'folder']) {
    const ran = await runHere(['push', '55', '--json', join(dir, 'a'), join(dir, missing)], env);
    t.equal(ran.code, 66);
    t.match(JSON.parse(ran.stderr), { error: 'file_unreadable', acknowledged: 2 });
  }
  t.strictSame(await kept(), ['one', 'two', 'one', 'two']);
});

t.test('a file that is there and cannot be read', { skip: process.platform !== 'linux' }, async (t) => {
  const { env, kept, dir } = await given(t, {}, { a: 'one\ntwo\n' });
  const ran = await runHere(['push', '55', '--json', join(dir, 'a'), '/proc/self/mem'], env);
  t.equal(ran.code, 66);
  t.match(JSON.parse(ran.stderr), { error: 'file_unreadable', acknowledged: 2, next: 2 });
  t.strictSame(await kept(), ['one', 'two']);
});

t.test('an input that breaks off: what had come is pushed and told', async (t) => {
  const { env, kept } = await given(t);
  const push = new Running(['push', '55', '--json'], env);
  push.stdin.write('one\ntwo\nhal');
  while ((await kept()).length < 2);
  push.stdin.destroy(new Error('the line is cut'));
  t.equal(await push.done, 66);
  t.match(JSON.parse(push.stderr), { error: 'file_unreadable', acknowledged: 2, next: 2 });
});

t.test('a line that is too long ends the push behind the lines before it', async (t) => {
  const { env, kept } = await given(t, { maxMessageBytes: 10 });
  const ran = await runHere(['push', '55', '--json'], env, 'a\nb\nmuch longer than that\nc\n');
  t.equal(ran.code, 1);
  t.match(JSON.parse(ran.stderr), { error: 'message_too_large', acknowledged: 2, next: 2 });
  t.strictSame(await kept(), ['a', 'b']);
});

t.test('a line without end is given up, not gathered', async (t) => {
  const { env, kept } = await given(t);
  const push = new Running(['push', '55'], env);
  push.stdin.on('error', () => undefined);
  push.stdin.write('first\n');
  const piece = Buffer.alloc(64 * 1024, 'x');
  let given_ = 0;
  const ended = push.done.then(() => Number.POSITIVE_INFINITY);
  while (given_ < 64 * 1024 * 1024) {
    given_ += piece.length;
    if (!push.stdin.write(piece)) {
      const drained = new Promise<number>((resolve) => push.stdin.once('drain', () => resolve(0)));
      if ((await Promise.race([drained, ended])) !== 0) break;
    }
  }
  t.equal(await push.done, 1);
  t.ok(given_ < 4 * 1024 * 1024, 'it has read little more than a message may have');
  t.strictSame(await kept(), ['first']);
});

t.test('Ctrl-C ends the input: what had come is pushed and told', async (t) => {
  const { env, kept } = await given(t);
  const push = new Running(['push', '55', '--json'], env);
  push.stdin.write('one\ntwo\nhal');
  while ((await kept()).length < 2);
  push.interrupt();
  t.equal(await push.done, 130);
  t.strictSame(JSON.parse(push.stdout), { queue: '55', messages: 2, next: 2 });
  t.strictSame(await kept(), ['one', 'two']);
});

t.test('a second Ctrl-C gives up a server that does not answer; what was acknowledged is told', async (t) => {
  let pushes = 0;
  const { client, url } = await startServer(t, {
    prepare: (app) =>
      app.addHook('preHandler', async (request, reply) => {
        if (request.method !== 'POST' || ++pushes < 2) return;
        await reply.code(503).send('away');
      }),
  });
  await client.create('55', SMALL);
  const push = new Running(['push', '55', '--json'], { ROTERA_URL: url });
  push.stdin.write('one\n');
  while ((await client.stat('55')).next < 1);
  push.stdin.write('two\n');
  await push.said(/"retry"/);
  push.interrupt();
  await push.said(/"waiting"/);
  push.interrupt();
  t.equal(await push.done, 130);
  t.strictSame(JSON.parse(push.stdout), { queue: '55', messages: 1, next: 1 });
});

t.test('Ctrl-C before the server has ever answered ends the push', async (t) => {
  const push = new Running(['push', '55', '--json', '--retry', '5m'], { ROTERA_URL: 'http://127.0.0.1:1' });
  await push.said(/"retry"/);
  push.interrupt();
  t.equal(await push.done, 130);
  t.strictSame(JSON.parse(push.stdout), { queue: '55', messages: 0, next: null });
});

t.test('a disk that fills at the other end: the right code, and exactly what is safe', async (t) => {
  let pushes = 0;
  const { client, url } = await startServer(t, {
    prepare: (app) =>
      app.addHook('preHandler', async (request, reply) => {
        if (request.method !== 'POST' || ++pushes < 3) return;
        const problem = { code: 'disk_full', detail: 'The disk is full.', status: 507, retryable: true };
        await reply.code(507).type('application/problem+json').send(JSON.stringify(problem));
      }),
  });
  await client.create('55', { maxBytes: 1024 * 1024, reserve: false });
  const lines = Array.from({ length: 40_000 }, (_, i) => `${i} ${'x'.repeat(90)}\n`).join('');
  const ran = await runHere(['push', '55', '--json'], { ROTERA_URL: url }, lines);
  t.equal(ran.code, 73);
  const { error, acknowledged, next } = JSON.parse(ran.stderr);
  t.equal(error, 'disk_full');
  t.ok(acknowledged > 0 && acknowledged < 40_000);
  t.strictSame({ acknowledged, next }, { acknowledged: (await client.stat('55')).next, next: acknowledged });
});

t.test(
  'a push whose answer was lost, and whose repeat is refused, is told as one that may have been kept',
  async (t) => {
    let pushes = 0;
    const there = await Restartable.start(t, {
      directory: t.testdir(),
      prepare: (app) =>
        app.addHook('preHandler', async (request, reply) => {
          if (request.method !== 'POST') return;
          if (++pushes === 1) there.gateway.loseAnswers(1);
          else {
            const problem = { code: 'unauthorized', detail: 'The token is not known.', status: 401 };
            await reply.code(401).type('application/problem+json').send(JSON.stringify(problem));
          }
        }),
    });
    await there.server.client.create('55', SMALL);
    const env = { ROTERA_URL: there.url };
    const ran = await runHere(['push', '55', '--json', '-m', 'one'], env);
    t.equal(ran.code, 69);
    const last = ran.stderr.trim().split('\n').at(-1) as string;
    t.match(JSON.parse(last), { error: 'unreachable', acknowledged: 0, outcome: 'unknown' });
  },
);
