/**
 * A browser's own EventSource and WebSocket follow a queue while the server is stopped, killed and started again: nothing is
 * lost, nothing comes twice. Run by `npm run test:browser`.
 */
import type { Browser, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { connect } from '../../src/client/node.js';
import { chromiumPath, launch, openTab } from '../support/browser.js';
import { type Serving, serve } from '../support/program.js';

/** How the server ends each time; the first time before there was any message. */
const ENDS = ['SIGTERM', 'SIGKILL', 'SIGTERM', 'SIGKILL'] as const;
const STEP = 200;

const skip = chromiumPath === undefined ? 'no Chromium is installed (apt-get install chromium)' : false;
let browser: Browser;
if (chromiumPath !== undefined) {
  browser = await launch();
  t.teardown(() => browser.close());
}

declare global {
  /** What the page has heard, in order: `ID=DATA`. */
  var heard: string[];
  /** How often a connection was opened. */
  var opened: number;
}

/** As a page would: EventSource comes back by itself, and says where it was. */
const followByEvents = (path: string): void => {
  globalThis.heard = [];
  globalThis.opened = 0;
  const source = new EventSource(path);
  source.onopen = () => {
    globalThis.opened++;
  };
  source.onmessage = ({ data }) => {
    const message = JSON.parse(data) as { id: number; data: string };
    globalThis.heard.push(`${message.id}=${message.data}`);
  };
  source.addEventListener('gap', ({ data }) => globalThis.heard.push(`gap ${data}`));
};

/** As a page would: connects again until it is let in, from the id behind the last it has. */
const followBySocket = (path: string): void => {
  globalThis.heard = [];
  globalThis.opened = 0;
  let from = 'next';
  const open = (): void => {
    const socket = new WebSocket(`${path}?from=${from}`, 'rotera.v1');
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === 'open') {
        globalThis.opened++;
        from = String(frame.from);
      }
      if (frame.type === 'gap') globalThis.heard.push(`gap ${data}`);
      for (const message of frame.messages ?? []) {
        globalThis.heard.push(`${message.id}=${message.data}`);
        from = String(message.id + 1);
      }
    };
    socket.onclose = () => setTimeout(open, 100);
  };
  open();
};

const WAYS = { EventSource: followByEvents, WebSocket: followBySocket };

const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i));

/** Until the page has heard so many messages; it then says all. */
async function hear(page: Page, count: number): Promise<string[]> {
  await page.waitForFunction((count) => globalThis.heard.length >= count, count);
  return page.evaluate(() => globalThis.heard);
}

async function pushNumbers(server: Serving, from: number, to: number): Promise<void> {
  // In several pushes, so that the connection may break between two of them.
  for (let at = from; at < to; at += 20) await connect({ url: server.url }).push('q', numbers(at, at + 20));
}

async function throughRestarts(t: Test, follow: (path: string) => void): Promise<void> {
  const directory = t.testdir();
  let server = await serve(t, ['--dir', directory]);
  const { port } = new URL(server.url);
  await connect({ url: server.url }).create('q', { maxBytes: 1024 * 1024, reserve: false });
  const { page } = await openTab(t, browser, { origin: server.url });
  await page.goto(server.url);
  await page.evaluate(follow, '/queues/q/tail');
  await page.waitForFunction(() => globalThis.opened === 1);
  let pushed = 0;
  for (const signal of ENDS) {
    await server.stop(signal);
    server = await serve(t, ['--dir', directory, '--port', port]);
    // Some of it waits for the page to come back, some is under way when the server ends the next time.
    for (const until of [pushed + STEP, pushed + 2 * STEP]) {
      await pushNumbers(server, pushed, until);
      await hear(page, pushed + 1);
      pushed = until;
    }
  }
  const wanted = numbers(0, pushed).map((id) => `${id}=${id}`);
  t.strictSame(await hear(page, pushed), wanted);
  t.ok((await page.evaluate(() => globalThis.opened)) > ENDS.length, 'it came back each time');
}

for (const [name, follow] of Object.entries(WAYS))
  t.test(`${name}: nothing is lost, nothing comes twice`, { skip }, async (t) => throughRestarts(t, follow));
