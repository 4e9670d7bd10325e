/**
 * The package's client in a page of headless Chromium and in Node, side by side: they do the same, and they follow one queue
 * together while its server is killed. Run by `npm run test:browser`.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import type * as Client from '../../src/client/web.js';
import { chromiumPath, launch, openTab } from '../support/browser.js';
import { Mortal } from '../support/mortal.js';

const skip = chromiumPath === undefined ? 'no Chromium is installed (apt-get install chromium)' : false;
let browser: Browser;
if (chromiumPath !== undefined) {
  browser = await launch();
  t.teardown(() => browser.close());
}

declare global {
  /** What the page's tail has heard of the shared queue, in order: `ID=TEXT`. */
  var told: string[];
  /** The client, as the page has it. */
  var rotera: typeof Client;
}

const repository = join(dirname(fileURLToPath(import.meta.url)), '../..');
const PACKAGE = 'rotera/client';

/** By the package's own name, so that what its users get is what runs. */
const nodeClient = (await import(PACKAGE)) as typeof Client;

/** The same as a script for pages: esbuild takes what the package exports for browsers, and fails on what only Node has. */
async function pageClient(): Promise<string> {
  const stdin = { contents: `export * from '${PACKAGE}'`, resolveDir: repository };
  const { outputFiles } = await build({ stdin, bundle: true, format: 'iife', globalName: 'rotera', write: false });
  return outputFiles[0]?.text ?? '';
}

/** A page of the server that has the client. */
async function openPage(t: Test, url: string): Promise<Page> {
  const { page, context } = await openTab(t, browser, { origin: url });
  await context.addInitScript({ content: `${await pageClient()};globalThis.rotera = rotera;` });
  await page.goto(url);
  return page;
}

/** All that a client does, on a queue of its own. Runs in the page, too, so it knows nothing but what it is given. */
async function tour([url, queue]: readonly [url: string, queue: string]): Promise<unknown[]> {
  const { connect } = globalThis.rotera;
  const client = connect({ url });
  const found: unknown[] = [];
  const { maxMessages } = await client.create(queue, { maxMessages: 5, maxBytes: 10_000, reserve: false });
  found.push(maxMessages, (await client.push(queue, 'one')).next);
  found.push((await client.push(queue, ['two', new Uint8Array([0xff, 0])])).next);
  const stream = async function* (): AsyncGenerator<string> {
    for (const text of ['four', 'five', 'grüezi']) yield text;
  };
  found.push(await client.push(queue, stream()));
  const { gap, messages } = await client.read(queue, { from: 0, limit: 2 });
  found.push(gap, messages[0]?.text, [...(messages[1]?.data ?? [])]);
  for await (const batch of client.tail(queue, { from: 0, cursor: 'c' })) {
    if (batch.gap !== null) found.push(batch.gap);
    for (const { id, text } of batch.messages) found.push(`${id}=${text}`);
    if (batch.messages.length > 0) batch.ack();
    if (batch.next === 6) break;
  }
  for await (const { first } of client.tail(queue, { cursor: 'c' })) {
    found.push(first);
    break;
  }
  const { cursors, count } = await client.stat(queue);
  found.push(cursors['c']?.position, count);
  const ending = new AbortController();
  const waiting = client.read(queue, { from: 6, wait: 60, signal: ending.signal });
  ending.abort('enough');
  found.push(await waiting.catch((reason: unknown) => reason));
  const missing = await client.stat('missing').catch((error: unknown) => error);
  found.push(missing instanceof Error && 'code' in missing && missing.code);
  return found;
}

/** Follows the shared queue, and pushes to it one message at a time. In the page. */
async function follow(url: string): Promise<void> {
  globalThis.told = [];
  for await (const { gap, messages } of globalThis.rotera.connect({ url }).tail('shared', { from: 'oldest' })) {
    if (gap !== null) globalThis.told.push(`gap ${gap.from}`);
    for (const { id, text } of messages) globalThis.told.push(`${id}=${text}`);
  }
}

t.test('both do the same', { skip }, async (t) => {
  const { url } = await Mortal.start(t, join(t.testdir(), 'rots'));
  const page = await openPage(t, url);
  globalThis.rotera = nodeClient;
  const inNode = await tour([url, 'node']);
  t.strictSame(inNode, [
    5,
    1,
    3,
    { messages: 3, bytes: 15, first: 3, next: 6 },
    { from: 0, to: 1, count: 1, reason: 'rotated' },
    'two',
    [0xff, 0],
    { from: 0, to: 1, count: 1, reason: 'rotated' },
    ...['1=two', '2=\ufffd\0', '3=four', '4=five', '5=grüezi'],
    6,
    6,
    5,
    'enough',
    'queue_not_found',
  ]);
  t.strictSame(await page.evaluate(tour, [url, 'page'] as const), inNode);
});

t.test('both push and follow while the server is killed: the same messages, once, in order', { skip }, async (t) => {
  const there = await Mortal.start(t, join(t.testdir(), 'rots'));
  const { url } = there;
  await there.client.create('shared', { maxBytes: 1_000_000, reserve: false });
  const page = await openPage(t, url);
  await page.evaluate(`void (${follow})(${JSON.stringify(url)})`);
  const EACH = 100;
  const ending = new AbortController();
  const heard: string[] = [];
  const hearing = (async () => {
    for await (const { messages } of nodeClient
      .connect({ url })
      .tail('shared', { from: 'oldest', signal: ending.signal }))
      for (const { id, text } of messages) if (heard.push(`${id}=${text}`) === 2 * EACH) return;
  })();
  const pushAll = async ([url, name, count]: readonly [string, string, number]): Promise<void> => {
    const client = globalThis.rotera.connect({ url });
    for (let i = 0; i < count; i++) await client.push('shared', `${name} ${i}`);
  };
  globalThis.rotera = nodeClient;
  const pushing = [pushAll([url, 'node', EACH]), page.evaluate(pushAll, [url, 'page', EACH] as const)];
  for (const part of [1, 2, 3]) {
    while (heard.length < (part * EACH) / 3) await new Promise(setImmediate);
    await there.dieAndRevive();
  }
  await Promise.all([...pushing, hearing]);
  await page.waitForFunction((count) => globalThis.told.length >= count, 2 * EACH);
  t.strictSame(await page.evaluate(() => globalThis.told), heard, 'the page has heard what Node has');
  t.strictSame(
    heard.map((line) => Number(line.split('=')[0])),
    Array.from({ length: 2 * EACH }, (_, i) => i),
  );
  const texts = heard.map((line) => line.split('=')[1] as string);
  for (const name of ['node', 'page']) {
    const own = texts.filter((text) => text.startsWith(name));
    t.strictSame(
      own,
      Array.from({ length: EACH }, (_, i) => `${name} ${i}`),
    );
  }
  t.equal((await there.client.stat('shared')).next, 2 * EACH);
});
