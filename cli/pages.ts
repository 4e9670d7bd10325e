/**
 * Messages to print, page after page: from a server, or from a file.
 */
import { messagesOf } from '../src/batch.js';
import type { ReadOptions, RoteraClient } from '../src/client/node.js';
import { MAX_READ_LIMIT } from '../src/protocol/api.js';
import type { Queue } from '../src/queue/queue.js';
import type { AnyGap, Format, Line } from './message-format.js';
import { offlineRead } from './offline.js';

export interface Page {
  readonly epoch: string;
  readonly first: number;
  readonly next: number;
  readonly upToDate: boolean;
  readonly gap: AnyGap | null;
  readonly lines: Iterable<Line>;
}

type PageOptions = ReadOptions & { readonly limit: number; readonly maxBytes: number };
export type ReadPage = (options: PageOptions) => Promise<Page>;

/** Most messages asked for at once. */
export const mostOfPage = (format: Format): number =>
  MAX_READ_LIMIT[format === 'json' ? 'application/json' : 'application/vnd.rotera.batch'];

/** Ids are known without looking at each message; times are not, and only JSON shows them. */
export const serverPages =
  (client: RoteraClient, queue: string, format: Format): ReadPage =>
  async (options) => {
    if (format === 'json') {
      const batch = await client.read(queue, options);
      return { ...batch, lines: batch.messages };
    }
    const batch = await client.readRecords(queue, options);
    return { ...batch, lines: numbered(batch.records, batch.first) };
  };

export const filePages =
  (queue: Queue): ReadPage =>
  async ({ from = 'oldest', to, limit, maxBytes }) => {
    const result = offlineRead(queue, { from, ...(to === undefined ? {} : { to }), limit, maxBytes });
    const lines = result.slices.flatMap(({ records, first, time }) => [...numbered(records, first, time)]);
    return { ...result, lines };
  };

function* numbered(records: Uint8Array, first: number, time?: number): Generator<Line> {
  let id = first;
  for (const data of messagesOf(records)) yield { id: id++, data, ...(time === undefined ? {} : { time }) };
}
