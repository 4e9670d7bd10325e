import { chromium } from 'playwright-core';
const out = '/tmp/op/shots'; import { mkdirSync } from 'node:fs'; mkdirSync(out, { recursive: true });
const b = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const url = 'http://127.0.0.1:18300';
const pages = [];
for (const colorScheme of ['light', 'dark']) {
  const c = await b.newContext({ colorScheme, viewport: { width: 1280, height: 860 }, deviceScaleFactor: 1.5 });
  const p = await c.newPage(); await p.goto(url); const q = await c.newPage(); await q.goto(url + '/#/queues/orders'); pages.push([colorScheme, p, q]);
}
await new Promise(r => setTimeout(r, Number(process.argv[2] ?? 60) * 1000));
for (const [n, p, q] of pages) { await p.screenshot({ path: `${out}/all-${n}.png` }); await q.getByRole('button', { name: 'Read', exact: true }).click(); await q.waitForTimeout(500); await q.screenshot({ path: `${out}/one-${n}.png`, fullPage: true }); }
const c = await b.newContext({ colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 1 }); const p = await c.newPage(); await p.goto(url); await p.waitForTimeout(3000); await p.screenshot({ path: `${out}/phone.png` }); await p.goto(url + '/#/queues/orders'); await p.waitForTimeout(3000); await p.screenshot({ path: `${out}/phone-one.png`, fullPage: true });
await b.close();
