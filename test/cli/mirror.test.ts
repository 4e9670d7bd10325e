import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import type { RoteraClient } from '../../src/client/node.js';
import { Access } from '../../src/server/access.js';
import { makeToken, parseTokens } from '../../src/tokens.js';
import { Running, runHere } from '../support/cli.js';
import { SMALL } from '../support/queues.js';
import { type ServerOptions, startServer } from '../support/server.js';

interface Pair {
  readonly source: Awaited<ReturnType<typeof startServer>>;
  readonly target: Awaited<ReturnType<typeof startServer>>;
  /** The words of a mirror of `q`. */
  readonly words: readonly string[];
}

/** @param app of the target's application */
async function pair(t: Test, app: ServerOptions['app'] = {}): Promise<Pair> {
  const dir = t.testdir({ source: {}, target: {} });
  const source = await startServer(t, { directory: join(dir, 'source') });
  const target = await startServer(t, { directory: join(dir, 'target'), app });
  return { source, target, words: ['mirror', `${source.url}/queues/q`, `${target.url}/queues/q`] };
}

async function textsOf(client: RoteraClient): Promise<string[]> {
  const texts: string[] = [];
  for await (const { messages } of client.pages('q')) texts.push(...messages.map(({ text }) => text));
  return texts;
}

t.test('copies what there is, once, however often it is run', async (t) => {
  const { source, target, words } = await pair(t);
  await source.client.create('q', { ...SMALL, maxMessages: 500 });
  const all = Array.from({ length: 300 }, (_, i) => `message ${i}`);
  await source.client.push('q', all.slice(0, 100));
  t.match(await runHere([...words, '--once', '--create']), { code: 0, stderr: /100 messages/ });
  t.match(await target.client.stat('q'), { maxMessages: 500, maxBytes: SMALL.maxBytes, reserve: false });
  t.match(await runHere([...words, '--once']), { code: 0, stderr: /copied 0 messages/ });
  await source.client.push('q', all.slice(100));
  t.match(await runHere([...words, '--once', '--json']), { code: 0, stderr: /"messages":200/ });
  t.strictSame(await textsOf(target.client), all);
});

t.test('a socket in the environment is for no address on the command line', async (t) => {
  const { source, words } = await pair(t);
  await source.client.create('q', SMALL);
  const env = { ROTERA_SOCKET: join(t.testdirName, 'nobody.sock') };
  t.match(await runHere(['stat', 'q'], env), { code: 69, stderr: /nobody\.sock/ });
  t.equal((await runHere(['stat', 'q', '--url', source.url], env)).code, 0);
  t.equal((await runHere([...words, '--once', '--create'], env)).code, 0);
});

t.test('a queue is not copied to itself, whatever it is called', async (t) => {
  const { source } = await pair(t);
  await source.client.create('q', SMALL);
  await source.client.push('q', ['a', 'b']);
  const [host] = [new URL(source.url).host];
  for (const target of ['q', `${source.url}/queues/q`, `http://${host.replace('127.0.0.1', 'localhost')}/q`]) {
    const ran = await runHere(['mirror', 'q', target, '--once', '--json'], { ROTERA_URL: source.url });
    t.equal(ran.code, 2, target);
    t.match(JSON.parse(ran.stderr.trim().split('\n').at(-1) as string), { error: 'bad_parameter' });
  }
  t.equal((await source.client.stat('q')).next, 2);
});

t.test('follows, and says what rotation took before it was copied', async (t) => {
  const { source, target, words } = await pair(t);
  await source.client.create('q', { ...SMALL, maxMessages: 3 });
  await target.client.create('q', SMALL);
  await source.client.push('q', ['a', 'b']);
  const mirror = new Running([...words, '--json']);
  t.match(await target.client.read('q', { wait: 60 }), { messages: [{ text: 'a' }] });
  await source.client.push('q', 'c');
  t.match(await target.client.read('q', { from: 2, wait: 60 }), { messages: [{ text: 'c' }] });
  mirror.interrupt();
  t.equal(await mirror.done, 130);
  for (const text of ['d', 'e', 'f', 'g', 'h']) await source.client.push('q', text);
  const { stderr } = await runHere([...words, '--json', '--once']);
  t.match(JSON.parse(stderr.split('\n')[0] as string), { gap: { from: 3, to: 5, count: 2 } });
  t.strictSame(await textsOf(target.client), ['a', 'b', 'c', 'f', 'g', 'h']);
});

t.test('a target that takes less at once gets it in smaller pieces', async (t) => {
  const { source, target, words } = await pair(t);
  await source.client.create('q', SMALL);
  await target.client.create('q', { ...SMALL, maxMessages: 10 });
  const all = Array.from({ length: 95 }, (_, i) => String(i));
  await source.client.push('q', all);
  t.equal((await runHere([...words, '--once'])).code, 0);
  t.equal((await target.client.stat('q')).next, 95);
  t.strictSame(await textsOf(target.client), all.slice(-10));
  t.match(await runHere([...words, '--once']), { stderr: /copied 0 messages/ });
});

t.test('also when it is empty messages only', async (t) => {
  const { source, target, words } = await pair(t);
  await source.client.create('q', SMALL);
  await target.client.create('q', { ...SMALL, maxMessages: 2 });
  await source.client.push('q', ['', '', '', '']);
  t.equal((await runHere([...words, '--once'])).code, 0);
  t.match(await target.client.stat('q'), { next: 4, oldest: 2 });
});

t.test('a source that was made anew is copied from its beginning, behind what there is', async (t) => {
  const { source, target, words } = await pair(t);
  await source.client.create('q', SMALL);
  await target.client.create('q', SMALL);
  await source.client.push('q', ['a', 'b', 'c']);
  const mirror = new Running(words);
  t.match(await target.client.read('q', { wait: 60 }), { messages: [{ text: 'a' }] });
  rmSync(`${source.queues.directory}/q.rot`);
  await source.queues.rescan();
  await mirror.said(/the source was removed/);
  await source.client.create('q', SMALL);
  await source.client.push('q', ['d', 'e']);
  t.match(await target.client.read('q', { from: 3, wait: 60 }), { messages: [{ text: 'd' }] });
  mirror.interrupt();
  await mirror.done;
  t.strictSame(await textsOf(target.client), ['a', 'b', 'c', 'd', 'e']);
});

t.test('a copy that did not begin at the oldest takes all of a source that is made anew', async (t) => {
  const { source, target, words } = await pair(t);
  await source.client.create('q', SMALL);
  await target.client.create('q', SMALL);
  await source.client.push('q', ['a', 'b', 'c', 'd']);
  const mirror = new Running([...words, '--from', '3']);
  t.match(await target.client.read('q', { wait: 60 }), { messages: [{ text: 'd' }] });
  rmSync(`${source.queues.directory}/q.rot`);
  await source.queues.rescan();
  await mirror.said(/the source was removed/);
  await source.client.create('q', SMALL);
  await source.client.push('q', ['e', 'f']);
  await mirror.said(/copying it from its beginning/);
  t.match(await target.client.read('q', { from: 1, wait: 60 }), { messages: [{ text: 'e' }] });
  mirror.interrupt();
  t.equal(await mirror.done, 130);
  t.strictSame(await textsOf(target.client), ['d', 'e', 'f']);
});

t.test('a target that is not there is told with a token that may only push', { timeout: 60_000 }, async (t) => {
  const { line, secret } = makeToken('pusher', 'push', '*');
  const { source, target, words } = await pair(t, { access: new Access(parseTokens(line)) });
  await source.client.create('q', SMALL);
  await source.client.push('q', 'a');
  const mirror = new Running([...words, '--target-token', secret]);
  t.teardown(() => mirror.interrupt());
  t.equal(await mirror.done, 66);
  t.match(mirror.stderr, /^rotera: There is no queue q\./m);
  await target.queues.create('q', SMALL);
  t.match(await runHere([...words, '--target-token', secret, '--once']), { code: 0, stderr: /copied 1 message/ });
});

t.test('two copies at once make one', async (t) => {
  const { source, target, words } = await pair(t);
  await source.client.create('q', SMALL);
  await target.client.create('q', SMALL);
  const all: string[] = [];
  const mirrors = [new Running(words), new Running(words)];
  for (let i = 0; i < 20; i++) {
    const some = Array.from({ length: 1 + (i % 5) }, (_, j) => `${i} ${j}`);
    all.push(...some);
    await source.client.push('q', some);
  }
  await target.client.read('q', { from: 0, wait: 60 });
  while ((await target.client.stat('q')).next < all.length);
  for (const mirror of mirrors) mirror.interrupt();
  const codes = await Promise.all(mirrors.map(({ done }) => done));
  t.ok(codes.includes(130), 'one of them at least goes on');
  t.strictSame(await textsOf(target.client), all);
});

t.test('addresses that cannot be understood, and queues that are not there', async (t) => {
  const { source, target, words } = await pair(t);
  t.equal((await runHere(['mirror', 'http://', words[2] as string])).code, 2);
  t.equal((await runHere([...words, '--once'])).code, 66, 'no source');
  await source.client.create('q', SMALL);
  t.equal((await runHere([...words, '--once'])).code, 66, 'no target');
  await target.client.create('q', SMALL);
  await source.client.push('q', 'a');
  t.equal((await runHere(['mirror', 'q', `${target.url}/q`, '--once'], { ROTERA_URL: source.url })).code, 0);
  t.strictSame(await textsOf(target.client), ['a']);
});
