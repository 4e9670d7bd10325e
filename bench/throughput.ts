/**
 * A contender whose messages a second are measured by closed loops over its connections.
 */
import type { Child } from './child.js';
import type { Connection } from './clients/connection.js';
import { drive, latencies } from './clients/drive.js';
import { type Contender, type Figure, quantile } from './measure.js';

export interface Line {
  readonly name: string;
  readonly durability: string;
  /** Whose processor time is counted. */
  readonly child: Child;
  /** Opens them for one run: a server cuts those that say nothing for long. */
  readonly connect: () => Promise<readonly Connection[]>;
}

/** @param depth operations under way per connection @param messages in one operation */
export function throughput(line: Line, depth: number, messages: number): Contender {
  const run = async (ms: number): Promise<Figure> => {
    const connections = await line.connect();
    const cpu = line.child.cpuMs;
    const start = performance.now();
    const { operations, seconds } = await drive(connections, depth, ms);
    const perSecond = (operations * messages) / seconds;
    // The warm-up uses the processor as well: its share is taken to be that of its time.
    const all = (perSecond * (performance.now() - start)) / 1000;
    const cpuMicros = ((line.child.cpuMs - cpu) * 1000) / all;
    closeAll(connections);
    return { perSecond, cpuMicros };
  };
  return { name: line.name, durability: line.durability, run, close: () => undefined };
}

/** A contender of which one operation after the other is timed, on one connection. */
export function latency(name: string, durability: string, connection: Connection): Contender {
  const run = async (ms: number): Promise<Figure> => percentiles(await latencies(connection, ms));
  return { name, durability, run, close: () => closeAll([connection]) };
}

/** @param times in ms */
export const percentiles = (times: readonly number[]): Figure => ({
  p50: quantile(times, 0.5),
  p99: quantile(times, 0.99),
});

export const closeAll = (connections: readonly Connection[]): void => {
  for (const connection of connections) connection.close();
};

/** So many, made one after the other. */
export async function several<T>(count: number, make: (i: number) => Promise<T> | T): Promise<T[]> {
  const all: T[] = [];
  for (let i = 0; i < count; i++) all.push(await make(i));
  return all;
}
