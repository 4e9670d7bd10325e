/**
 * Metrics for Prometheus. What is counted is counted as it happens, once a commit or once an answer; how queues and cursors
 * stand is looked at when somebody asks, in pieces between which the server goes on with its work.
 */
import { setImmediate } from 'node:timers/promises';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type ErrorCode, errorCodes } from '../errors.js';
import type { CommitReport } from '../queue/group.js';
import type { CursorStat } from '../queue/headroom.js';
import type { Queue } from '../queue/queue.js';
import type { Queues } from '../queue/queues.js';
import type { GapReason, ReadResult } from '../queue/read.js';
import { processMetrics } from './process-metrics.js';
import { CURSOR_FAMILIES, QUEUE_FAMILIES, type WatchedQueue } from './queue-families.js';
import { familyText, type Labelled, label } from './series.js';
import { ServedQueues } from './served.js';

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;
/** Most queues, and most cursors, that have series of their own: bounds a scrape. The first by name; the others are counted. */
const MOST_QUEUES = 2000;
const MOST_CURSORS = 2000;
/** Queues looked at before other work has its turn: about a millisecond. */
const QUEUES_AT_ONCE = 50;

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const POWERS_OF_4 = Array.from({ length: 11 }, (_, i) => 4 ** i);

/** Commits go into the histograms so many at once, or at a scrape: one by one, each costs a commit several times as much. */
const MOST_REPORTS = 64;

/** Why a connection was cut that its client had not closed. */
const DROPS = ['silent', 'stalled', 'too_many'] as const;
type Drop = (typeof DROPS)[number];

/** What a scrape looks at. */
export interface Watched {
  readonly queues: Queues;
  readonly tails: {
    /** How many are open, in all and of one queue. */
    readonly open: number;
    count(queue: Queue): number;
    /** How many of each queue are slow, where any is. */
    slow(): Map<Queue, number>;
  };
  /** Connections open. */
  readonly connections: () => Promise<number>;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #served = new ServedQueues();
  readonly #commitSeconds = this.#histogram(
    'commit_seconds',
    'From the start of a group commit until all is durable.',
    SECONDS,
  );
  readonly #diskSeconds = this.#histogram(
    'commit_disk_seconds',
    'How long LMDB took to write and sync a group commit.',
    SECONDS,
  );
  readonly #commitPushes = this.#histogram('commit_pushes', 'Pushes of a group commit.', POWERS_OF_4.slice(0, 9));
  readonly #commitMessages = this.#histogram('commit_messages', 'Messages of a group commit.', POWERS_OF_4);
  readonly #commitBytes = this.#histogram(
    'commit_bytes',
    'Payload bytes of a group commit.',
    POWERS_OF_4.slice(0, 10).map((power) => power * 64),
  );
  readonly #refusals = this.#counter(
    'refusals_total',
    'Requests and frames refused, by the code of the problem.',
    'code',
    errorCodes,
  );
  readonly #drops = this.#counter(
    'dropped_connections_total',
    'Connections cut by the server, by the reason.',
    'reason',
    DROPS,
  );
  readonly #queues = this.#gauge('queues', 'Queues, by their state.', ['state']);
  readonly #tails = this.#gauge('tails', 'Tails open.');
  readonly #slowTails = this.#gauge('slow_tails', 'Tails whose client has not taken a piece for a second or more.');
  readonly #connections = this.#gauge('connections', 'Connections open.');
  readonly #unlisted = this.#gauge(
    'unlisted',
    'Queues and cursors that have no series of their own, since they are too many.',
    ['kind'],
  );
  /** Commits that are not in the histograms yet. */
  readonly #reports: CommitReport[] = [];
  #scraping: Promise<Buffer> | undefined;

  /** @param version of the server */
  constructor(version = 'unknown') {
    this.#gauge('build_info', 'The version of the server; always 1.', ['version']).set({ version }, 1);
    processMetrics();
  }

  /** To be told of every group commit. */
  readonly committed = (queue: Queue, report: CommitReport): void => {
    if (report.pushes > 0) this.#served.of(queue).committed(report);
    this.#reports.push(report);
    if (this.#reports.length >= MOST_REPORTS) this.#observe();
  };

  #observe(): void {
    for (const { ms, diskMs, pushes, messages, bytes } of this.#reports) {
      this.#commitSeconds.observe(ms / 1000);
      this.#diskSeconds.observe(diskMs / 1000);
      if (pushes === 0) continue;
      this.#commitPushes.observe(pushes);
      this.#commitMessages.observe(messages);
      this.#commitBytes.observe(bytes);
    }
    this.#reports.length = 0;
  }

  /** A consumer has got these messages. */
  delivered(queue: Queue, result: ReadResult): void {
    this.#served.of(queue).delivered(result);
  }

  /** A consumer was told a gap. */
  gapTold(queue: Queue, reason: GapReason): void {
    this.#served.of(queue).gaps[reason]++;
  }

  refused(code: ErrorCode): void {
    this.#refusals.inc({ code });
  }

  dropped(reason: Drop): void {
    this.#drops.inc({ reason });
  }

  /** Everything in the text format, encoded. Who asks while a scrape is under way gets the same one. */
  async scrape(watched: Watched): Promise<Buffer> {
    this.#scraping ??= this.#scrape(watched).finally(() => {
      this.#scraping = undefined;
    });
    return await this.#scraping;
  }

  async #scrape({ queues, tails, connections }: Watched): Promise<Buffer> {
    this.#observe();
    const { all, unreadable } = queues;
    const slow = tails.slow();
    const watched: Array<Labelled<WatchedQueue>> = [];
    const cursors: Array<Labelled<CursorStat>> = [];
    let unlistedCursors = 0;
    for (const [i, queue] of all.slice(0, MOST_QUEUES).entries()) {
      if (i % QUEUES_AT_ONCE === QUEUES_AT_ONCE - 1) await setImmediate();
      // Closed in the meantime.
      if (queue.ended !== undefined) continue;
      const labels = label('queue', queue.name);
      watched.push({ labels, subject: this.#watch(queue, tails.count(queue), slow.get(queue) ?? 0) });
      for (const [name, subject] of Object.entries(queue.cursors(false))) {
        if (cursors.length < MOST_CURSORS) cursors.push({ labels: `${labels},${label('cursor', name)}`, subject });
        else unlistedCursors++;
      }
    }
    const readOnly = all.filter(({ state }) => state === 'read_only').length;
    this.#queues.set({ state: 'ok' }, all.length - readOnly);
    this.#queues.set({ state: 'read_only' }, readOnly);
    this.#queues.set({ state: 'unreadable' }, unreadable.length);
    this.#tails.set(tails.open);
    this.#slowTails.set([...slow.values()].reduce((sum, count) => sum + count, 0));
    this.#connections.set(await connections());
    this.#unlisted.set({ kind: 'queue' }, Math.max(0, all.length - MOST_QUEUES));
    this.#unlisted.set({ kind: 'cursor' }, unlistedCursors);
    return await this.#render(watched, cursors);
  }

  #watch(queue: Queue, tails: number, slowTails: number): WatchedQueue {
    return { glance: queue.glance(), served: this.#served.of(queue), waiting: queue.waiting, tails, slowTails };
  }

  /** Each piece is encoded in its own turn: all at once would take longer than any of them. */
  async #render(queues: ReadonlyArray<Labelled<WatchedQueue>>, cursors: ReadonlyArray<Labelled<CursorStat>>) {
    const parts: Buffer[] = [];
    const add = async (text: string): Promise<void> => {
      parts.push(Buffer.from(`${text.trimEnd()}\n`));
      await setImmediate();
    };
    await add(await this.#registry.metrics());
    await add(await processMetrics().metrics());
    for (const family of QUEUE_FAMILIES) await add(familyText(family, queues));
    for (const family of CURSOR_FAMILIES) await add(familyText(family, cursors));
    return Buffer.concat(parts);
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name: `rotera_${name}`, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `rotera_${name}`, help, buckets, registers: [this.#registry] });
  }

  /** A counter whose series are all there from the start, so that the first increase is one. */
  #counter(name: string, help: string, labelName: string, values: readonly string[]): Counter {
    const counter = new Counter({ name: `rotera_${name}`, help, labelNames: [labelName], registers: [this.#registry] });
    for (const value of values) counter.inc({ [labelName]: value }, 0);
    return counter;
  }
}
