/**
 * What it costs to be watched: pushes to a server with metrics, scraped, and with tracing, beside one without, in turns.
 */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Connection } from '../../bench/clients/connection.js';
import { drive } from '../../bench/clients/drive.js';
import { httpConnection, httpRequest } from '../../bench/clients/http.js';
import { median } from '../../bench/measure.js';
import { BATCH, fixed } from '../../bench/payloads.js';
import { Script } from '../../bench/script.js';
import { batchOf } from '../../src/batch.js';
import { connect } from '../../src/client/node.js';
import { BATCH_TYPE } from '../../src/protocol/api.js';
import { replaced } from './controls/replace.js';
import type { Outcome, Proof, Trial } from './proof.js';
import { Server, type ServerOptions } from './server.js';

const CLIENTS = 4;
const LIMITS = { maxMessages: 200_000, maxBytes: 24 * 1024 * 1024 };
/** How long each turn takes; ms. Short, so that both meet the same of what else the machine does. */
const TURN_MS = 500;
const WARM_UP_CLIENTS = 64;
const WARM_UP_MS = 4000;
/** Three times as often as people do. */
const SCRAPE_MS = 5000;
const LEAST_SHARE = 0.95;
/** What a span costs more in the control, and how often that is measured. */
const CONTROL_MS = 0.2;
const CONTROL_ROUNDS = 10;

/** A caller's span, sampled. */
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** Where spans go: taken, counted by their names and forgotten. */
class Collector {
  spans = 0;
  readonly #server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    this.spans += Buffer.concat(pieces).toString().split('"spanId"').length - 1;
    response.end();
  });

  /** @returns its address */
  async open(): Promise<string> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A server that is compared. */
class Pushed {
  /** Messages a second, a value a turn. */
  readonly rates: number[] = [];
  /** Processor time for a message of each turn; µs. */
  readonly costs: number[] = [];
  readonly server: Server;
  #scraped = 0;

  constructor(
    directory: string,
    options: ServerOptions,
    readonly isScraped: boolean,
  ) {
    mkdirSync(directory);
    this.server = new Server(directory, options);
  }

  async open(): Promise<this> {
    await this.server.start();
    await connect({ url: this.server.url }).create('q', LIMITS);
    return this;
  }

  /** Many small pushes, so that the compiler has seen everything before it is measured. */
  async warmUp(): Promise<void> {
    const connections = await this.#connect(WARM_UP_CLIENTS, batchOf([Buffer.from('x')]).records);
    await drive(connections, 1, WARM_UP_MS);
    for (const connection of connections) connection.close();
  }

  /** Pushes as fast as it can; scraped meanwhile when it is time for that. */
  async turn(): Promise<void> {
    const connections = await this.#connect(CLIENTS, batchOf(fixed(100).messages).records);
    const scrape = async (): Promise<void> => void (await (await fetch(`${this.server.url}/metrics`)).text());
    const isTime = this.isScraped && performance.now() > this.#scraped + SCRAPE_MS;
    if (isTime) this.#scraped = performance.now();
    const scraping = isTime ? scrape() : undefined;
    const [before, began] = [this.server.cpuMs, performance.now()];
    const { operations, seconds } = await drive(connections, 1, TURN_MS);
    const passed = (performance.now() - began) / 1000;
    await scraping;
    for (const connection of connections) connection.close();
    const rate = (operations * BATCH) / seconds;
    this.rates.push(rate);
    // The warm-up is not counted, but costs as well.
    this.costs.push(((this.server.cpuMs - before) * 1000) / (rate * passed));
  }

  #connect(count: number, records: Uint8Array): Promise<Connection[]> {
    const headers = { 'Content-Type': BATCH_TYPE, traceparent: TRACEPARENT };
    const script = new Script([httpRequest('POST', '/queues/q/messages', headers, records)]);
    return Promise.all(Array.from({ length: count }, () => httpConnection(this.server.port, script)));
  }
}

/** The middle of the shares of all turns: each is of two turns that follow each other, so that a busy machine slows both. */
const shareOf = (watched: Pushed, plain: Pushed): number =>
  median(watched.rates.map((rate, i) => rate / (plain.rates[i] as number)));

const complaint = (share: number): string | undefined =>
  share < LEAST_SHARE ? `watched, it takes ${share.toFixed(3)} of the pushes that it takes unwatched` : undefined;

/** Measures both in turns, each as often first as the other. The very first turns are for the compiler and not counted. */
async function compare(
  [watched, plain]: readonly [Pushed, Pushed],
  rounds: number,
  onRound: (round: number) => boolean,
): Promise<number> {
  let done = 0;
  for (const one of [watched, plain]) {
    await one.warmUp();
    await one.turn();
  }
  for (const { rates, costs } of [watched, plain]) rates.length = costs.length = 0;
  while (done < rounds && onRound(done)) {
    for (const one of done % 2 === 0 ? [watched, plain] : [plain, watched]) await one.turn();
    done++;
  }
  return done;
}

const row = (name: string, { rates, costs }: Pushed): string[] => [
  name,
  Math.round(median(rates)).toLocaleString('en-US'),
  median(costs).toFixed(2),
];

async function prove(trial: Trial): Promise<Outcome> {
  const collector = new Collector();
  const PROVE_SPANS = await collector.open();
  const imports = [fileURLToPath(new URL('./controls/tracing.js', import.meta.url))];
  const server = (name: string, options: ServerOptions, isScraped: boolean): Promise<Pushed> =>
    new Pushed(join(trial.directory, name), options, isScraped).open();
  const uncounted = replaced([{ module: '/src/server/metrics.js', by: './no-metrics.js' }]);
  const plain = await server('plain', uncounted, false);
  const watched = await server('watched', { imports, env: { PROVE_SPANS } }, true);
  const costly = await server('costly', { imports, env: { PROVE_SPANS, PROVE_SPAN_MS: String(CONTROL_MS) } }, true);
  try {
    const rounds = await compare([watched, plain], trial.rounds, (round) => {
      trial.progress(round, trial.rounds);
      return performance.now() < trial.endMs;
    });
    const share = shareOf(watched, plain);
    const table = [['', 'messages/s', 'processor, µs a message'], row('unwatched', plain), row('watched', watched)];
    const { spans } = collector;
    await compare([costly, plain], CONTROL_ROUNDS, () => true);
    const violation = complaint(share);
    return {
      rounds,
      facts: [
        [`batches of ${BATCH} in flight`, CLIENTS],
        ['spans collected', spans],
        ['share of the pushes, the middle of all turns', share.toFixed(3)],
      ],
      table,
      violations: [...(violation === undefined ? [] : [violation]), ...(spans > 0 ? [] : ['no span was collected'])],
      controls: [{ name: `a span that takes ${CONTROL_MS} ms`, caught: complaint(shareOf(costly, plain)) }],
    };
  } finally {
    for (const one of [plain, watched, costly]) one.server.kill();
    collector.close();
  }
}

export const watched: Proof = {
  about: 'batch pushes with metrics and tracing, beside those without, in turns',
  round: 'turns of each',
  rounds: 60,
  run: prove,
};
