/**
 * Short words for what the cases of the contract do again and again.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { batchOf } from '../../src/batch.js';
import { type ErrorCode, RoteraError } from '../../src/errors.js';
import type { Limits } from '../../src/queue/limits.js';
import type { Queue } from '../../src/queue/queue.js';
import { Queues } from '../../src/queue/queues.js';
import { MIB, SMALL } from '../support/queues.js';
import type { Response } from '../support/server.js';
import type { Start, Wire } from '../support/wire.js';

/** Cases that run over any transport. */
export type Suite = (t: Test, start: Start) => void;

export const BATCH = 'application/vnd.rotera.batch';
export const NDJSON = 'application/x-ndjson';
/** RFC 3339 with milliseconds, as the server says times. */
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A queue `q` that costs little to make. */
export const makeQueue = async ({ queues }: Wire, limits: Partial<Limits> = {}, name = 'q'): Promise<Queue> =>
  (await queues.create(name, { ...SMALL, ...limits })).queue;

/** Each text as a push of its own. */
export async function pushEach(queue: Queue, ...texts: string[]): Promise<void> {
  for (const text of texts) await queue.push(batchOf([Buffer.from(text)]));
}

/** `m3`, `m4`, … as pushes of their own, at the same time but in this order, up to but not including `to`. */
export async function pushNumbered(queue: Queue, from: number, to: number): Promise<void> {
  const texts = Array.from({ length: to - from }, (_, i) => `m${from + i}`);
  await Promise.all(texts.map((text) => pushEach(queue, text)));
}

export const read = ({ send }: Wire, query = '', headers: Record<string, string> = {}): Promise<Response> =>
  send({ path: `/queues/q/messages${query}`, headers });

export const push = (
  { send }: Wire,
  body: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Response> => send({ method: 'POST', path: '/queues/q/messages', headers, body });

export const stat = async ({ send }: Wire): Promise<Record<string, unknown>> =>
  (await send({ path: '/queues/q' })).json;

/** The texts of a JSON answer. */
export const dataOf = ({ json }: Response): string[] =>
  (json['messages'] as Array<{ data: string }>).map(({ data }) => data);

export const recordsOf = (...texts: string[]): Uint8Array => batchOf(texts.map((text) => Buffer.from(text))).records;

/** A clock that stands still until it is moved. */
export class Clock {
  constructor(public ms = Date.UTC(2026, 0, 31, 12)) {}

  readonly now = (): number => this.ms;

  advance(ms: number): void {
    this.ms += ms;
  }
}

/** A directory with a queue `q` of these messages, of which one has a flipped bit on the disk. */
export async function damagedDirectory(t: Test, texts: readonly string[], ...damaged: number[]): Promise<string> {
  const directory = t.testdir();
  const queues = await Queues.open(directory, { now: Date.now });
  const { queue } = await queues.create('q', { ...SMALL, maxBytes: 4 * MIB });
  await pushEach(queue, ...texts);
  await queues.close();
  const path = join(directory, 'q.rot');
  const file = readFileSync(path);
  for (const one of damaged) {
    const at = file.indexOf(texts[one]!.slice(0, 1000)) + 500;
    file[at] = file[at]! ^ 1;
  }
  writeFileSync(path, file);
  return directory;
}

/** A write of a queue that fails, in place of its own. */
export const refuse = (code: ErrorCode, text: string) => (): Promise<never> =>
  Promise.reject(new RoteraError(code, text));
