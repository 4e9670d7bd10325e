/**
 * Two thousand clients that are as slow as they can be: the server gets rid of them in time, and honest clients do not notice.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median, quantile } from '../../bench/measure.js';
import { connect, type RoteraClient } from '../../src/client/node.js';
import { complaintAbout, start } from './child.js';
import type { KindOfSlow, SlowClientsJob, SlowClientsSaid } from './children/slow-clients.js';
import { replaced } from './controls/replace.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Server, type ServerOptions } from './server.js';
import { metric } from './tails/crowd.js';

const QUEUE = 'q';
/** Of each of the seven kinds. */
const EACH = 286;
const CONTROL_EACH = 20;
const LIMITS = { maxBytes: 64 * 1024 * 1024, reserve: false };
/** What slow readers ask for. */
const BACKLOG = 32;
const BACKLOG_BYTES = 512 * 1024;
/** Honest clients of a server, one push after the other each. */
const HONEST = 4;
/** Promised. */
const GONE_MS = 20_000;
const MOST_RATIO = 2;
const MOST_BYTES = 512 * 1024 * 1024;
const SPARE_HANDLES = 10;
/** No more is tried: the machine has other things to do with its memory. */
const ENOUGH_BYTES = 4 * MOST_BYTES;
/** The control lets honest clients wait for so many times what they take without slow ones. */
const LATE = 4;
/** What is still there then is told so. */
const PATIENCE_MS = 30_000;
const DEADLINE_MS = 120_000;
const LOOK_MS = 500;

/** A server, and honest clients of it. */
class Pushed {
  latencies: number[] = [];
  memory = 0;
  /** For the control: so much later its answers come; ms. */
  lateMs = 0;
  readonly #server: Server;
  #client!: RoteraClient;

  constructor(directory: string, options: ServerOptions = {}) {
    mkdirSync(directory);
    this.#server = new Server(directory, options);
  }

  get port(): number {
    return this.#server.port;
  }

  get handles(): number {
    return readdirSync(`/proc/${this.#server.pid}/fd`).length;
  }

  async open(): Promise<this> {
    await this.#server.start();
    this.#client = connect({ url: this.#server.url });
    await this.#client.create(QUEUE, LIMITS);
    const message = Buffer.alloc(BACKLOG_BYTES, 'x');
    for (let i = 0; i < BACKLOG; i++) await this.#client.push(QUEUE, message);
    return this;
  }

  async push(): Promise<void> {
    const began = performance.now();
    await this.#client.push(QUEUE, 'message');
    if (this.lateMs > 0) await sleep(this.lateMs);
    this.latencies.push(performance.now() - began);
  }

  async weigh(): Promise<void> {
    this.memory = Math.max(this.memory, await metric(this.#server.url, 'process_resident_memory_bytes'));
  }

  close(): void {
    this.#server.kill();
  }
}

/** What one crowd of slow clients did. */
interface Turn {
  readonly kinds: readonly KindOfSlow[];
  /** 99 of 100 pushes took not longer, with slow clients and without; ms. */
  readonly p99: number;
  readonly plainP99: number;
  readonly pushes: number;
  /** Most memory of the server with slow clients; bytes. */
  readonly memory: number;
  /** File handles before, and after. */
  readonly before: number;
  readonly after: number;
}

/** Everything that slow clients must not do. */
function* complaints({ kinds, memory, before, after }: Turn): Generator<string> {
  for (const { kind, lastMs } of kinds)
    if (lastMs === null || lastMs > GONE_MS)
      yield `'${kind}' is there ${lastMs === null ? 'for ever' : `for ${(lastMs / 1000).toFixed()} s`}`;
  if (memory > MOST_BYTES) yield `the server takes ${mib(memory)} MiB`;
  if (after > before + SPARE_HANDLES) yield `the server has ${after} file handles, ${before} before`;
}

/** What honest clients must not notice, in the middle of all turns. */
function* delays(turns: readonly Turn[]): Generator<string> {
  const ratio = ratioOf(turns);
  if (ratio > MOST_RATIO) yield `with slow clients, honest ones wait ${ratio.toFixed(2)} times as long`;
}

const ratioOf = (turns: readonly Turn[]): number => median(turns.map(({ p99, plainP99 }) => p99 / plainP99));
const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

/** A crowd comes; meanwhile both servers are pushed to, in turns, so that a busy machine slows both. */
async function turn(slow: Pushed, plain: Pushed, each: number): Promise<Turn> {
  const before = slow.handles;
  const job: SlowClientsJob = { port: slow.port, queue: QUEUE, each, patienceMs: PATIENCE_MS };
  let kinds: readonly KindOfSlow[] | undefined;
  const child = start('slow-clients', job, {
    deadlineMs: DEADLINE_MS,
    hear: (said) => {
      const heard = said as SlowClientsSaid;
      if (heard.is === 'over') kinds = heard.kinds;
      else {
        slow.latencies = [];
        plain.latencies = [];
      }
    },
  });
  let over = false;
  const ended = child.ended.finally(() => {
    over = true;
  });
  slow.memory = 0;
  const honest = async (_: unknown, i: number): Promise<void> => {
    for (let at = i; !over; at++) for (const one of at % 2 === 0 ? [slow, plain] : [plain, slow]) await one.push();
  };
  const weigh = async (): Promise<void> => {
    for (; !over; await sleep(LOOK_MS)) {
      await slow.weigh();
      if (slow.memory > ENOUGH_BYTES) child.kill();
    }
  };
  await Promise.all([weigh(), ...Array.from({ length: HONEST }, honest)]);
  const complaint = complaintAbout(await ended);
  const isTooMuch = slow.memory > ENOUGH_BYTES;
  if (!isTooMuch && (complaint !== undefined || kinds === undefined))
    throw new Error(`The slow clients were not all there: ${complaint}.`);
  await sleep(LOOK_MS);
  return {
    kinds: kinds ?? [],
    p99: quantile(slow.latencies, 0.99),
    plainP99: quantile(plain.latencies, 0.99),
    pushes: slow.latencies.length + plain.latencies.length,
    memory: slow.memory,
    before,
    after: slow.handles,
  };
}

/** A server that waits for slow clients for ever, and answers the others late. */
async function controls(directory: string, plain: Pushed, lateMs: number): Promise<Control[]> {
  const patient = replaced([{ module: '/src/server/limits.js', by: './limits.js' }]);
  const slow = await new Pushed(directory, patient).open();
  slow.lateMs = lateMs;
  try {
    const seen = await turn(slow, plain, CONTROL_EACH);
    return [
      { name: 'a server without time-outs', caught: [...complaints(seen)].find((text) => text.includes('for ever')) },
      { name: 'a server that answers late', caught: [...delays([seen])][0] },
    ];
  } finally {
    slow.close();
  }
}

/** A turn, with one thing wrong each time. */
function tampered(seen: Turn): Control[] {
  const right = { ...seen, kinds: [], memory: 0, after: seen.before };
  const wrong: Record<string, Turn> = {
    'memory for slow clients': { ...right, memory: MOST_BYTES + 1 },
    'file handles of slow clients': { ...right, after: right.before + SPARE_HANDLES + 1 },
  };
  const judged = (one: Turn): string | undefined => [...complaints(one)][0];
  return Object.entries(wrong).map(([name, one]) => ({ name, caught: judged(right) ?? judged(one) }));
}

async function prove(trial: Trial): Promise<Outcome> {
  const plain = new Pushed(join(trial.directory, 'without'));
  const slow = new Pushed(join(trial.directory, 'with'));
  const turns: Turn[] = [];
  try {
    for (const one of [plain, slow]) await one.open();
    while (turns.length < trial.rounds && performance.now() < trial.endMs) {
      turns.push(await turn(slow, plain, EACH));
      trial.progress(turns.length, trial.rounds);
    }
    slow.close();
    const kinds = turns[0]?.kinds ?? [];
    const lateMs = LATE * median(turns.map(({ plainP99 }) => plainP99));
    const longest = (kind: string): string =>
      Math.max(
        ...turns.map(
          ({ kinds }) => (kinds.find((one) => one.kind === kind)?.lastMs ?? Number.POSITIVE_INFINITY) / 1000,
        ),
      ).toFixed(1);
    return {
      rounds: turns.length,
      facts: [
        ['slow clients at once', kinds.reduce((sum, { count }) => sum + count, 0)],
        ['honest pushes timed', turns.reduce((sum, { pushes }) => sum + pushes, 0)],
        ['p99 with slow clients, ms', median(turns.map(({ p99 }) => p99)).toFixed(1)],
        ['p99 without, ms', median(turns.map(({ plainP99 }) => plainP99)).toFixed(1)],
        ['p99 with beside p99 without, the middle of all turns', ratioOf(turns).toFixed(2)],
        ['most memory of the server, MiB', mib(Math.max(...turns.map(({ memory }) => memory)))],
      ],
      table: [
        ['slow clients', 'count', 'the last is gone after s'],
        ...kinds.map(({ kind, count }) => [kind, String(count), longest(kind)]),
      ],
      violations: [...turns.flatMap((one) => [...complaints(one)]), ...delays(turns)],
      controls: [...tampered(turns[0] as Turn), ...(await controls(join(trial.directory, 'patient'), plain, lateMs))],
    };
  } finally {
    for (const one of [plain, slow]) one.close();
  }
}

export const slowClients: Proof = {
  about: `${7 * EACH} slow clients at once are gone within ${GONE_MS / 1000} s, and honest ones do not notice`,
  round: 'crowds of them',
  rounds: 3,
  run: prove,
};
