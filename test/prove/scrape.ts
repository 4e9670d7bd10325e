/**
 * A server with a thousand queues is scraped while others push to it: the scrape is quick, and the pushes do not notice.
 */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile } from '../../bench/measure.js';
import { connect, type RoteraClient } from '../../src/client/node.js';
import { replaced } from './controls/replace.js';
import type { Outcome, Proof, Trial } from './proof.js';
import { Server, type ServerOptions } from './server.js';

const LIMITS = { maxBytes: 256 * 1024, maxMessageBytes: 16 * 1024, reserve: false };
const MAKERS = 16;
const PUSHERS = 4;
/** How often it is scraped with nothing else to do, and while others push; then, how long is waited between two; ms. */
const QUIET_SCRAPES = 25;
const BUSY_SCRAPES = 25;
const PAUSE_MS = 100;
const MOST_SCRAPE_MS = 100;
/** So much longer may a push take in the middle of a scrape, for half of them and for 95 of 100; ms. */
const MOST_DELAY_MS = { half: 10, most: 50 };
const CONTROL_QUEUES = 20;

/** What pushers and scrapers saw, on a machine that has little else to do; ms. */
interface Seen {
  readonly samples: number;
  /** Processor time of the server for one scrape. */
  readonly cpu: number;
  readonly quiet: readonly number[];
  readonly busy: readonly number[];
  /** Pushes during which a scrape was under way, and the others. */
  readonly during: readonly number[];
  readonly apart: readonly number[];
}

/** Everything that a scrape must not show. */
function* complaints({ quiet, during, apart }: Seen): Generator<string> {
  const ms = median(quiet);
  if (!(ms < MOST_SCRAPE_MS)) yield `a scrape takes ${ms.toFixed()} ms`;
  const half = median(during) - median(apart);
  const most = quantile(during, 0.95) - quantile(apart, 0.95);
  if (!(half <= MOST_DELAY_MS.half)) yield `half of the pushes are delayed by ${half.toFixed()} ms`;
  if (!(most <= MOST_DELAY_MS.most)) yield `5 of 100 pushes are delayed by ${most.toFixed()} ms`;
}

/** Makes so many queues, with some messages and a cursor each. */
async function fill(client: RoteraClient, count: number, onQueue: (made: number) => void): Promise<void> {
  let made = 0;
  const make = async (): Promise<void> => {
    while (made < count) {
      const name = `q${made++}`;
      await client.create(name, LIMITS);
      await client.push(name, ['a', 'b', 'c']);
      await client.read(name, { cursor: 'c', limit: 1 });
      onQueue(made);
    }
  };
  await Promise.all(Array.from({ length: MAKERS }, make));
}

/** One scrape, thrown away as it comes, since the pushers are in the same process. @returns how long it took */
async function scrape(url: string): Promise<number> {
  const began = performance.now();
  const [answer] = await once(get(`${url}/metrics`), 'response');
  await once(answer.resume(), 'end');
  return performance.now() - began;
}

const samplesOf = async (url: string): Promise<number> =>
  (await (await fetch(`${url}/metrics`)).text()).match(/^\w/gm)?.length ?? 0;

/** A server that is scraped, and its processor time so far. */
interface Watched {
  readonly url: string;
  readonly cpuMs: () => number;
}

async function watch({ url, cpuMs }: Watched, client: RoteraClient): Promise<Seen> {
  const [quiet, busy, during, apart]: [number[], number[], number[], number[]] = [[], [], [], []];
  const before = cpuMs();
  for (let i = 0; i < QUIET_SCRAPES; i++) quiet.push(await scrape(url));
  const cpu = (cpuMs() - before) / QUIET_SCRAPES;
  let scraping = 0;
  let over = false;
  const push = async (_: unknown, i: number): Promise<void> => {
    while (!over) {
      const [earlier, began] = [scraping, performance.now()];
      await client.push(`q${i}`, 'message');
      const met = earlier % 2 === 1 || scraping !== earlier;
      (met ? during : apart).push(performance.now() - began);
    }
  };
  const pushing = Array.from({ length: PUSHERS }, push);
  for (let i = 0; i < BUSY_SCRAPES; i++) {
    await sleep(PAUSE_MS);
    // Odd while one is under way.
    scraping++;
    busy.push(await scrape(url));
    scraping++;
  }
  over = true;
  await Promise.all(pushing);
  return { cpu, samples: await samplesOf(url), quiet, busy, during, apart };
}

async function look(trial: Trial, queues: number, options: ServerOptions, shown: boolean): Promise<Seen> {
  const directory = join(trial.directory, `queues-${queues}`);
  mkdirSync(directory);
  const server = new Server(directory, options);
  await server.start();
  try {
    const client = connect({ url: server.url });
    await fill(client, queues, (made) => shown && trial.progress(made, trial.rounds, 'queues made'));
    const seen = await watch({ url: server.url, cpuMs: () => server.cpuMs }, client);
    await client.close();
    return seen;
  } finally {
    server.kill();
  }
}

const row = (name: string, values: readonly number[]): string[] => [
  name,
  String(values.length),
  ...[median(values), quantile(values, 0.95), Math.max(...values)].map((ms) => ms.toFixed(1)),
];

async function prove(trial: Trial): Promise<Outcome> {
  const seen = await look(trial, trial.rounds, {}, true);
  const blocking = replaced([{ module: '/src/server/metrics.js', by: './slow-scrape.js' }]);
  const slow = await look(trial, CONTROL_QUEUES, blocking, false);
  return {
    rounds: trial.rounds,
    facts: [
      ['samples of a scrape', seen.samples],
      ['processor time of a scrape, ms', seen.cpu.toFixed()],
    ],
    table: [
      ['latency', 'count', 'p50 ms', 'p95 ms', 'most ms'],
      row('scrape, nothing else to do', seen.quiet),
      row('scrape while others push', seen.busy),
      row('push, no scrape under way', seen.apart),
      row('push in the middle of a scrape', seen.during),
    ],
    violations: [...complaints(seen)],
    controls: [
      {
        name: 'a scrape that lets nobody have a turn',
        caught: [...complaints({ ...slow, quiet: [0] })][0],
      },
    ],
  };
}

export const scraped: Proof = {
  about: 'a server with many queues is scraped: quickly, and without delaying pushes',
  round: 'queues',
  rounds: 1000,
  run: prove,
};
