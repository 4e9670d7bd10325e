/**
 * What it costs to be watched: pushes to a server that counts and traces them and is scraped, and to the same server while it
 * does none of it, in turns.
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
import type { Watching } from './controls/switch.js';
import type { Outcome, Proof, Trial } from './proof.js';
import { Server, type ServerOptions } from './server.js';

const CLIENTS = 4;
const LIMITS = { maxMessages: 200_000, maxBytes: 24 * 1024 * 1024 };
/** Turns of each kind in a round, and batches of each connection in a turn. */
const TURNS = 10;
const BATCHES = 6;
const WARM_UP_CLIENTS = 64;
const WARM_UP_MS = 4000;
/** Three times as often as people do. */
const SCRAPE_MS = 5000;
const LEAST_SHARE = 0.95;
/** What a span costs more in the control, and how many rounds that is measured. */
const CONTROL_MS = 0.2;
const CONTROL_ROUNDS = 10;

const WATCHED: Watching = { on: true, spanMs: 0 };
const UNWATCHED: Watching = { on: false, spanMs: 0 };
const COSTLY: Watching = { on: true, spanMs: CONTROL_MS };

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

/** So many batches on a connection, one after the other. @throws when the server refuses one, or closes the connection */
function push(connection: Connection, batches: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const { socket } = connection;
    let left = batches;
    const broken = (): void => reject(new Error('A connection was closed by the server.'));
    socket.once('close', broken);
    connection.onAnswers = () => {
      left--;
      if (left > 0) return connection.send(1);
      socket.off('close', broken);
      resolve();
    };
    connection.send(1);
  });
}

/** What was measured of one kind of turns, a value a round. */
class Measured {
  /** Messages a second. */
  readonly rates: number[] = [];
  /** Processor time of the server for a message; µs. */
  readonly costs: number[] = [];
  #ms = 0;
  #cpuMs = 0;

  add(ms: number, cpuMs: number): void {
    this.#ms += ms;
    this.#cpuMs += cpuMs;
  }

  endRound(): void {
    const messages = TURNS * CLIENTS * BATCHES * BATCH;
    this.rates.push((messages * 1000) / this.#ms);
    this.costs.push((this.#cpuMs * 1000) / messages);
    this.#ms = this.#cpuMs = 0;
  }

  row(name: string): string[] {
    return [name, Math.round(median(this.rates)).toLocaleString('en-US'), median(this.costs).toFixed(2)];
  }
}

/** The server, and connections that push to it. */
class Pushed {
  readonly #server: Server;
  #connections: readonly Connection[] = [];
  #scraped = 0;

  constructor(directory: string, options: ServerOptions) {
    mkdirSync(directory);
    this.#server = new Server(directory, options);
  }

  /** Starts it, and makes many small pushes, so that the compiler has seen everything before it is measured. */
  async open(): Promise<void> {
    await this.#server.start();
    await connect({ url: this.#server.url }).create('q', LIMITS);
    const connections = await this.#connect(WARM_UP_CLIENTS, batchOf([Buffer.from('x')]).records);
    for (const kind of [UNWATCHED, WATCHED]) {
      await this.#server.tell(kind);
      await drive(connections, 1, WARM_UP_MS);
    }
    for (const connection of connections) connection.close();
    this.#connections = await this.#connect(CLIENTS, batchOf(fixed(100).messages).records);
  }

  /** Measures two kinds of turns, each as often first as the other. @returns the rounds done */
  async compare(
    kinds: ReadonlyArray<readonly [Watching, Measured]>,
    rounds: number,
    onRound: (round: number) => boolean,
  ): Promise<number> {
    let done = 0;
    while (done < rounds && onRound(done)) {
      for (let turn = 0; turn < TURNS; turn++) {
        for (const [kind, measured] of turn % 2 === 0 ? kinds : [...kinds].reverse()) {
          await this.#server.tell(kind);
          await this.#turn(kind, measured);
        }
      }
      for (const [, measured] of kinds) measured.endRound();
      done++;
    }
    return done;
  }

  kill(): void {
    this.#server.kill();
  }

  /** Pushes as fast as it can; scraped meanwhile when it is time for that. */
  async #turn(kind: Watching, measured: Measured): Promise<void> {
    const [began, cpuMs] = [performance.now(), this.#server.cpuMs];
    const isTime = kind.on && began > this.#scraped + SCRAPE_MS;
    if (isTime) this.#scraped = began;
    const scraping = isTime ? fetch(`${this.#server.url}/metrics`).then((answer) => answer.text()) : undefined;
    await Promise.all(this.#connections.map((connection) => push(connection, BATCHES)));
    // With the spans that were put off.
    await this.#server.tell(kind);
    measured.add(performance.now() - began, this.#server.cpuMs - cpuMs);
    await scraping;
  }

  #connect(count: number, records: Uint8Array): Promise<Connection[]> {
    const headers = { 'Content-Type': BATCH_TYPE, traceparent: TRACEPARENT };
    const script = new Script([httpRequest('POST', '/queues/q/messages', headers, records)]);
    return Promise.all(Array.from({ length: count }, () => httpConnection(this.#server.port, script)));
  }
}

/** The middle of the shares of all rounds. */
const shareOf = (watched: Measured, unwatched: Measured): number =>
  median(watched.rates.map((rate, i) => rate / (unwatched.rates[i] as number)));

const complaint = (share: number): string | undefined =>
  share < LEAST_SHARE ? `watched, it takes ${share.toFixed(3)} of the pushes that it takes unwatched` : undefined;

/** The server with everything in it, to be switched. */
function switched(spans: string): ServerOptions {
  const { imports, env } = replaced([
    { module: '/src/server/metrics.js', by: './switched-metrics.js' },
    { module: '/src/server/tracing.js', by: './switched-tracing.js' },
  ]);
  const tracing = fileURLToPath(new URL('./controls/tracing.js', import.meta.url));
  return { imports: [...imports, tracing], env: { ...env, PROVE_SPANS: spans } };
}

async function prove(trial: Trial): Promise<Outcome> {
  const collector = new Collector();
  const server = new Pushed(join(trial.directory, 'rots'), switched(await collector.open()));
  const [watched, unwatched, costly, beside] = [new Measured(), new Measured(), new Measured(), new Measured()];
  try {
    await server.open();
    const both = [[WATCHED, watched] as const, [UNWATCHED, unwatched] as const];
    const rounds = await server.compare(both, trial.rounds, (round) => {
      trial.progress(round, trial.rounds);
      return performance.now() < trial.endMs;
    });
    const { spans } = collector;
    const control = [[COSTLY, costly] as const, [UNWATCHED, beside] as const];
    await server.compare(control, CONTROL_ROUNDS, () => true);
    const share = shareOf(watched, unwatched);
    const violation = complaint(share);
    return {
      rounds,
      facts: [
        [`batches of ${BATCH} in flight`, CLIENTS],
        ['spans collected', spans],
        ['share of the pushes, the middle of all rounds', share.toFixed(3)],
      ],
      table: [
        ['', 'messages/s', 'processor, µs a message'],
        unwatched.row('unwatched'),
        watched.row('counted, scraped, traced'),
      ],
      violations: [...(violation === undefined ? [] : [violation]), ...(spans > 0 ? [] : ['no span was collected'])],
      controls: [{ name: `a span that takes ${CONTROL_MS} ms`, caught: complaint(shareOf(costly, beside)) }],
    };
  } finally {
    server.kill();
    collector.close();
  }
}

export const watched: Proof = {
  about: 'batch pushes with metrics and tracing, beside those without',
  round: `rounds of ${TURNS} turns of each`,
  rounds: 60,
  run: prove,
};
