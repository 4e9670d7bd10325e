/**
 * The page in a real browser, against the built server.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { connect } from '../../src/client/node.js';
import { makeToken } from '../../src/tokens.js';
import { axeViolations, chromiumPath, launch, openTab } from '../support/browser.js';
import { type Serving, serve } from '../support/program.js';

const SMALL = { maxMessages: 10, maxBytes: 100_000, reserve: false };
const MOST_BYTES = 100_000;
const skip = chromiumPath === undefined ? 'no Chromium is installed (apt-get install chromium)' : false;
/** Several at once: they wait most of the time, as people do. A new object for each test, since tap writes into it. */
const options = () => ({ skip, buffered: true });
t.jobs = 4;

let browser: Browser;
if (chromiumPath !== undefined) {
  browser = await launch();
  t.teardown(() => browser.close());
}

const push = ({ url }: Serving, queue: string, ...texts: string[]) => connect({ url }).push(queue, texts);

/** How far the ring has been turned, as the page says it. */
const turn = (page: Page): Promise<string> =>
  page
    .locator('.turning')
    .first()
    .evaluate((element) => (element as unknown as SVGGElement).style.transform);

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const live = (page: Page) => page.getByLabel('Messages as they come');

t.test('the page weighs less than 100 KB, and asks only this server', async (t) => {
  const { url } = await serve(t, ['--dir', t.testdir()]);
  const index = await (await fetch(url)).text();
  const paths = [...index.matchAll(/(?:src|href)="([^"#]+)"/g)].map(([, path]) => path as string);
  t.ok(paths.includes('page/main.js') && paths.includes('page/uplot.js'));
  let bytes = index.length;
  for (const path of new Set(paths)) {
    t.notMatch(path, /^(https?:)?\/\//, path);
    const answer = await fetch(new URL(path, url));
    t.equal(answer.status, 200, path);
    bytes += (await answer.arrayBuffer()).byteLength;
  }
  t.ok(bytes < MOST_BYTES, `${bytes} bytes`);
});

/** What a person does with the page from the first queue on, while the server is killed and comes back. */
async function journey(t: Test, directory: string, words: string[], token?: string): Promise<void> {
  const server = await serve(t, ['--dir', directory, ...words]);
  const client = connect({ url: server.url, token });
  const { page, problems } = await openTab(t, browser, { origin: server.url });
  await page.goto(server.url);
  if (token !== undefined) {
    await page.getByRole('dialog').getByRole('textbox').fill(token);
    await button(page, 'Use it').click();
  }

  // Without a queue the form is open.
  await page.getByLabel('Name', { exact: true }).fill('orders');
  await page.getByLabel('Most messages').fill('10');
  await button(page, 'Create it').click();
  await page.getByRole('link', { name: 'orders' }).click();
  await page.getByRole('heading', { name: 'orders', level: 1 }).waitFor();
  t.equal((await client.stat('orders')).maxMessages, 10);

  await page.getByLabel('The message').fill('{"order": 1}');
  await button(page, 'Push it').click();
  await live(page).getByText('"order": 1').waitFor();
  await page.getByRole('button', { name: 'message 0' }).click();
  await page.getByLabel('Messages of this range').getByText('"order": 1').waitFor();

  const before = await turn(page);
  await client.push(
    'orders',
    Array.from({ length: 7 }, (_, i) => `text ${i}`),
  );
  await live(page).getByText('text 6').waitFor();
  await page.waitForFunction(
    (before) => document.querySelector<SVGGElement>('.turning')?.style.transform !== before,
    before,
  );
  await page.getByRole('img', { name: /^orders: 80 % full, ids 0 to 7\./ }).waitFor();

  await server.stop('SIGKILL');
  await page.getByRole('status').getByText('The server does not answer').first().waitFor();
  await serve(t, ['--dir', directory, ...words, '--port', new URL(server.url).port]);
  await client.push('orders', 'after the restart');
  await live(page).getByText('after the restart').waitFor();
  await page.getByRole('status').getByText('The server does not answer').first().waitFor({ state: 'detached' });
  t.equal(await live(page).getByText('text 6').count(), 1, 'nothing twice');
  t.strictSame(problems(), []);
}

const JOURNEY = 'create, push, live tail, browse; the ring moves; the server is killed and comes back';
t.test(JOURNEY, options(), (t) => journey(t, t.testdir(), []));
t.test(`${JOURNEY}; with a token`, options(), async (t) => {
  const { secret, line } = makeToken('me', '*', '*');
  const directory = t.testdir({ tokens: line, rots: {} });
  await journey(t, join(directory, 'rots'), ['--tokens', join(directory, 'tokens')], secret);
});

t.test('the live tail can be paused and filtered; what is pushed is text and nothing else', options(), async (t) => {
  const server = await serve(t, ['--dir', t.testdir()]);
  await connect({ url: server.url }).create('q', SMALL);
  const { page, problems } = await openTab(t, browser, { origin: server.url });
  await page.goto(`${server.url}/#/queues/q`);
  await push(server, 'q', 'apple', '<img src=x onerror="document.title=1">', '{"a":{"b":[1,"</script>"]}}');
  await live(page).getByText('apple').waitFor();
  await live(page).getByText('<img src=x').waitFor();
  await live(page).getByText('"</script>"').waitFor();
  t.equal(await page.locator('main img, main script').count(), 0);
  t.equal(await page.title(), 'q · rotera');

  await button(page, 'Pause').click();
  await push(server, 'q', 'banana');
  await page.getByText('Paused. 1 more have come.').waitFor();
  t.equal(await live(page).getByText('banana').count(), 0);
  await button(page, 'Pause').click();
  await live(page).getByText('banana').waitFor();

  await page.getByLabel('Show only messages that contain this').fill('BAN');
  await live(page).getByText('apple').waitFor({ state: 'hidden' });
  t.equal(await live(page).getByText('banana').isVisible(), true);
  t.strictSame(problems(), []);
});

t.test('a token is asked for, kept in the tab and shown nowhere', options(), async (t) => {
  const { secret, line } = makeToken('me', '*', '*');
  const directory = t.testdir({ tokens: line, rots: {} });
  const server = await serve(t, ['--dir', join(directory, 'rots'), '--tokens', join(directory, 'tokens')]);
  await connect({ url: server.url, token: secret }).create('q', SMALL);
  const { page, problems } = await openTab(t, browser, { origin: server.url });
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await page.goto(`${server.url}/#/queues/q`);
  const dialog = page.getByRole('dialog');
  await dialog.getByText('This server wants a token').waitFor();
  await dialog.getByRole('textbox').fill('rot_wrong');
  await button(page, 'Use it').click();
  await dialog.getByText('This token is not known here.').waitFor();
  await dialog.getByRole('textbox').fill(secret);
  await button(page, 'Use it').click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByLabel('The message').fill('hello');
  await button(page, 'Push it').click();
  await live(page).getByText('hello').waitFor();
  await page.getByText('$ROTERA_TOKEN').first().waitFor();
  await page.reload();
  await live(page).getByText('hello').waitFor();
  t.notOk((await page.content()).includes(secret), 'not in the page');
  t.strictSame(
    asked.filter((url) => url.includes(secret)),
    [],
    'not in a URL',
  );
  t.strictSame(await page.evaluate(() => [localStorage.length, document.cookie]), [0, '']);
  t.strictSame(problems(), []);
});

t.test('what is wrong with a queue or a cursor is said, not only colored', options(), async (t) => {
  const directory = t.testdir();
  writeFileSync(join(directory, 'broken.rot'), 'no rot file');
  const server = await serve(t, ['--dir', directory]);
  const client = connect({ url: server.url });
  await client.create('q', SMALL);
  await push(server, 'q', 'a');
  t.equal((await fetch(`${server.url}/queues/q/messages?cursor=late`)).status, 200);
  await push(server, 'q', ...'bcdef');
  await push(server, 'q', ...'ghijkl');
  const { page } = await openTab(t, browser, { origin: server.url });
  await page.goto(server.url);
  await page.getByText(/^unreadable: /).waitFor();
  await page.getByText('late 12 behind · overrun, 2 gone').waitFor();
  await page.getByRole('img', { name: 'q: 100 % full, ids 2 to 11. Cursors: late overrun, 2 gone.' }).waitFor();
  await page.getByText('2 rotated out, by count').waitFor();
});

async function settled(t: Test, page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByRole('link', { name: 'q', exact: true }).waitFor();
  t.strictSame(await axeViolations(page), [], 'all queues');
  await page.getByRole('link', { name: 'q', exact: true }).click();
  await live(page).getByText('"a"').first().waitFor();
  await page.getByRole('rowheader', { name: 'late' }).waitFor();
  await button(page, 'Read').click();
  await page.getByLabel('Messages of this range').getByText('"a"').first().waitFor();
  t.strictSame(await axeViolations(page), [], 'one queue');
  await button(page, 'Token').click();
  await page.getByRole('dialog').waitFor();
  t.strictSame(await axeViolations(page), [], 'the dialog');
}

for (const colorScheme of ['light', 'dark'] as const) {
  t.test(`axe finds nothing wrong, ${colorScheme}`, options(), async (t) => {
    const server = await serve(t, ['--dir', t.testdir()]);
    await connect({ url: server.url }).create('q', SMALL);
    await push(server, 'q', 'plain', '{"a":[true,1,"x"]}');
    t.equal((await fetch(`${server.url}/queues/q/messages?cursor=late`)).status, 200);
    await push(server, 'q', ...'bcdefghi', '{"a":[true,1,"x"]}');
    const { page, problems } = await openTab(t, browser, { colorScheme, origin: server.url });
    await settled(t, page, server.url);
    t.strictSame(problems(), []);
  });
}

t.test('the keyboard is enough', options(), async (t) => {
  const server = await serve(t, ['--dir', t.testdir()]);
  await connect({ url: server.url }).create('q', SMALL);
  const { page } = await openTab(t, browser, { origin: server.url });
  await page.goto(server.url);
  await page.getByRole('link', { name: 'q', exact: true }).waitFor();
  const focused = (): Promise<string> => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '');
  const steps: string[] = [];
  for (let i = 0; i < 4; i++) {
    await page.keyboard.press('Tab');
    steps.push(await focused());
  }
  t.strictSame(steps, ['Skip to the content', 'rotera', 'Token', 'q']);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'q', level: 1 }).waitFor();
  t.equal(await focused(), 'q', 'the focus is on the heading of the new view');
  await page.getByLabel('The message').focus();
  await page.keyboard.type('typed');
  await page.keyboard.press('Control+Enter');
  await live(page).getByText('typed').waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Queues', level: 1 }).waitFor();
});
