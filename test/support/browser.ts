/**
 * A real browser, where one is installed.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import type { Test } from 'tap';

const PLACES = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'];
/** Long, since a machine may be busy: nothing waits for it to pass. */
const PATIENCE_MS = 60_000;
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** Where Chromium is; undefined where there is none. */
export const chromiumPath = PLACES.find((path) => path !== undefined && path !== '' && existsSync(path));

/** A browser with a profile of its own. To be closed. */
export const launch = (): Promise<Browser> => chromium.launch({ executablePath: chromiumPath as string, args: ARGS });

/** A page and what went wrong in it. */
export interface Tab {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors and refusals of the browser, and requests to elsewhere, since the last look. */
  readonly problems: () => string[];
}

export interface TabOptions {
  readonly colorScheme?: 'light' | 'dark';
  /** What the page may ask. */
  readonly origin: string;
}

/** A tab of its own, closed at the end of the test. */
export async function openTab(t: Test, browser: Browser, { colorScheme = 'light', origin }: TabOptions): Promise<Tab> {
  const context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 900 } });
  t.teardown(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript({ path: axe });
  const page = await context.newPage();
  let problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  // Chromium reports each refused request here, too, which the page itself shows.
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      problems.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) problems.push(`asked ${request.url()}`);
  });
  const take = (): string[] => {
    const taken = problems;
    problems = [];
    return taken;
  };
  return { page, context, problems: take };
}

interface Axe {
  run(): Promise<{
    violations: Array<{ id: string; impact: string; nodes: Array<{ html: string; failureSummary: string }> }>;
  }>;
}

/** What axe-core finds wrong with the page as it is now. */
export const axeViolations = (page: Page): Promise<string[]> =>
  page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
    return violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
  });
