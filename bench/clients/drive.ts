/**
 * Closed loops over connections: each answer lets the next operation go.
 */
import type { Connection } from './connection.js';

/** What a closed loop did between the end of its warm-up and its end. */
export interface Driven {
  readonly operations: number;
  readonly seconds: number;
}

/** Time before counting begins, as a share of the time measured. */
const WARM_UP = 0.2;

/**
 * Keeps `depth` operations under way on every connection for `ms`, after a warm-up. Resolves when all have been answered.
 * @throws when a connection breaks
 */
export async function drive(connections: readonly Connection[], depth: number, ms: number): Promise<Driven> {
  const from = performance.now() + ms * WARM_UP;
  const to = from + ms;
  let operations = 0;
  const loop = (connection: Connection): Promise<void> =>
    new Promise((resolve, reject) => {
      let underWay = depth;
      const broken = (): void => reject(new Error('A connection of the load generator was closed by the server.'));
      connection.socket.once('close', broken);
      connection.socket.once('error', reject);
      connection.onAnswers = (count) => {
        const now = performance.now();
        if (now >= from && now < to) operations += count;
        if (now < to) connection.send(count);
        else underWay -= count;
        if (underWay > 0) return;
        connection.socket.off('close', broken).off('error', reject);
        resolve();
      };
      connection.send(depth);
    });
  await Promise.all(connections.map(loop));
  return { operations, seconds: ms / 1000 };
}

/** One operation after the other on one connection: how long each took, in ms. */
export async function latencies(connection: Connection, ms: number): Promise<number[]> {
  const all: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const start = performance.now();
    await new Promise<void>((resolve) => {
      connection.onAnswers = () => resolve();
      connection.send(1);
    });
    all.push(performance.now() - start);
  }
  return all;
}
