/**
 * Rot files without a server: opened for reading only, at rest or while a server uses them.
 */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { messageOf, RoteraError } from '../src/errors.js';
import { parseFrom } from '../src/from.js';
import { newBlockCache } from '../src/queue/block-store.js';
import { resolveFrom } from '../src/queue/position.js';
import { Queue } from '../src/queue/queue.js';
import { queueName } from '../src/queue/queue-name.js';
import { joinedRead, type ReadResult } from '../src/queue/read.js';
import { RotFile } from '../src/queue/rot-file.js';
import type { QueueStat } from './stat-view.js';

/** Runs `use` on the queue in a file. @throws `not_a_rot_file`, `queue_unreadable` */
export async function withRotFile<T>(path: string, use: (queue: Queue) => T | Promise<T>): Promise<T> {
  const readOnly = new RoteraError('queue_read_only', 'The file is opened for reading only.');
  const file = await RotFile.open(path, { blocks: newBlockCache(), readOnly });
  const queue = new Queue(queueName(path) ?? basename(path), file, { now: Date.now });
  try {
    return await use(queue);
  } finally {
    await queue.close();
  }
}

/** For a command that has been given a file. @throws `bad_parameter` for the first of these that was given besides it */
export function refuseWithFile(others: Readonly<Record<string, string | undefined>>): void {
  const [name] = Object.entries(others).find(([, value]) => value !== undefined) ?? [];
  if (name === undefined) return;
  throw new RoteraError('bad_parameter', `${name} does not go with -s: that names a file, and no server is asked.`, {
    parameter: name,
  });
}

/** As a server's stat, but that only a server knows of tails and whether it may write. */
export function offlineStat(queue: Queue): QueueStat {
  const stat = queue.stat();
  const cursors = Object.entries(queue.cursors()).map(([name, cursor]) => [
    name,
    { ...cursor, updatedAt: timeText(cursor.updatedAt) },
  ]);
  return {
    ...stat,
    createdAt: timeText(stat.createdAt),
    oldestTime: stat.oldestTime === null ? null : timeText(stat.oldestTime),
    newestTime: stat.newestTime === null ? null : timeText(stat.newestTime),
    tails: 0,
    state: 'ok',
    stateReason: null,
    cursors: Object.fromEntries(cursors) as NonNullable<QueueStat['cursors']>,
  };
}

const timeText = (ms: number): string => new Date(ms).toISOString();

/** As a server's read. @throws `beyond_end`, `bad_parameter` */
export function offlineRead(
  queue: Queue,
  options: { from: string | number; to?: number; limit: number; maxBytes: number },
): ReadResult {
  const from = resolveFrom(parseFrom(String(options.from)), queue, Date.now());
  let result = queue.read({ ...options, from });
  while (result.isCut) result = joinedRead(result, queue.read({ ...options, from: result.next }));
  return result;
}

/** The rot files of a directory, by name. @throws `directory_unusable` */
export function rotFiles(directory: string): string[] {
  try {
    const files = readdirSync(directory).filter((file) => queueName(file) !== undefined);
    return files.sort().map((file) => join(directory, file));
  } catch (cause) {
    const text = `The directory ${directory} cannot be read: ${messageOf(cause)}.`;
    throw new RoteraError('directory_unusable', text, {}, { cause });
  }
}
