/**
 * docs/api.md: each example does what it shows, and the codes are those of the server.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { type ErrorCode, retryableCodes } from '../src/errors.js';
import type { QueueBody } from '../src/protocol/answers.js';
import { openapi } from '../src/protocol/openapi.js';
import { problems } from '../src/protocol/problem.js';
import { WIRE_CODES } from './support/codes.js';
import { ADDRESS, checkTour, hasCurl, openPlace, stepsOf, takeTour } from './support/tour.js';

const page = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8');
const SCRIPT = /^```js api\n([\s\S]*?)^```/m;
/** What a person reads in five minutes, at 200 words a minute; the codes are for looking up. */
const MOST_WORDS = 1000;

/** Runs the example in JavaScript with the WebSocket of a browser's API; ends when its socket has closed. */
async function runScript(script: string): Promise<string[]> {
  const said: string[] = [];
  let ended: Promise<unknown> | undefined;
  class Socket extends WebSocket {
    constructor(url: string, protocol: string) {
      super(url, protocol);
      ended = once(this, 'close');
    }
  }
  const console = { log: (...words: unknown[]) => said.push(words.map(String).join(' ')) };
  new Function('WebSocket', 'console', script)(Socket, console);
  await ended;
  return said;
}

async function runScripts(t: Test, host: string): Promise<void> {
  const script = SCRIPT.exec(page)?.[1] ?? '';
  const expected = [...script.matchAll(/^\/\/> (.*)$/gm)].map(([, line]) => line);
  t.ok(expected.length > 2, 'the example is found');
  t.strictSame(await runScript(script.replaceAll(ADDRESS, host)), expected);
  // The last ack may still be on its way to the disk.
  const isOver = async (): Promise<boolean> => {
    const answer = await fetch(`http://${host}/queues/q`);
    const { tails, cursors } = (await answer.json()) as QueueBody;
    return tails === 0 && cursors['me']?.lag === 0;
  };
  while (!(await isOver()));
}

t.test('each example is true', { skip: !hasCurl && 'there is no curl on this machine' }, async (t) => {
  const place = await openPlace(t);
  const [before = '', after = ''] = page.split(SCRIPT).filter((_, i) => i % 2 === 0);
  const steps = [before, after].map((part) => stepsOf(part, 'api'));
  t.ok(steps.every(({ length }) => length > 0) && steps.flat().length >= 12, 'the examples are found');
  t.ok(
    steps.flat().every(({ expected }) => expected.length > 0),
    'each shows what it prints',
  );
  checkTour(t, await takeTour(place, steps[0]!));
  await runScripts(t, place.host);
  checkTour(t, await takeTour(place, steps[1]!));
  const blocks = page.match(/^```\S.*$/gm) ?? [];
  t.strictSame([...new Set(blocks)].sort(), ['```js api', '```sh api'], 'no example is left out');
});

t.test('it has every code that can come over the wire, as it is', async (t) => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\d+)(, again)? \| \S/gm)];
  const told = rows.map(([, code, status, again]) => [code, Number(status), again !== undefined]);
  const wanted = WIRE_CODES.map((code: ErrorCode) => [code, problems[code].status, retryableCodes.has(code)]);
  t.strictSame(told.sort(), wanted.sort());
});

t.test('it names every parameter, and can be read in five minutes', async (t) => {
  const names = Object.values(openapi.paths as unknown as Record<string, Record<string, unknown>>)
    .flatMap((path) => Object.values(path))
    .flatMap((operation) => (operation as { parameters?: Array<{ name: string }> }).parameters ?? [])
    .map(({ name }) => name)
    .filter((name) => name !== 'If-None-Match');
  t.ok(names.length > 20);
  for (const name of names) t.match(page, name, name);
  const prose = page.split('| code |')[0]!.replace(/^```[\s\S]*?^```/gm, '');
  const words = prose.split(/\s+/).filter((word) => /\w/.test(word)).length;
  t.ok(words <= MOST_WORDS, `${words} words`);
});
