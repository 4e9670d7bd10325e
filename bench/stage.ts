/**
 * The servers that a run compares, all with their files below one new directory on one disk.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Child, versionOf } from './child.js';
import { NATS_PROGRAM, type NatsServer, startNats } from './contenders/nats.js';
import { type RedisServer, redisProgram, startRedis } from './contenders/redis.js';
import { startRotera } from './contenders/rotera.js';
import type { Pace } from './measure.js';

/** What every case gets. */
export interface Stage {
  readonly directory: string;
  readonly pace: Pace;
  /** Whether curves go only as far as a few minutes allow. */
  readonly quick: boolean;
  readonly rotera: Child;
  /** Always and everysec; none when neither Redis nor Valkey is installed. */
  readonly redis: readonly RedisServer[];
  /** As shipped and always; none when it is not installed. */
  readonly nats: readonly NatsServer[];
  /** What is not installed, in words. */
  readonly absent: readonly string[];
  /** A new directory for a server of a case's own. */
  readonly newDirectory: (name: string) => string;
  /** Stops everything and removes the files. */
  readonly close: () => Promise<void>;
}

export interface StageOptions {
  /** Directory on the disk that is to be measured. */
  readonly parent: string;
  readonly pace: Pace;
  readonly quick: boolean;
  /** Directory for a profile of our server's processor time. */
  readonly profile?: string;
}

export async function openStage({ parent, pace, quick, profile }: StageOptions): Promise<Stage> {
  const directory = mkdtempSync(join(resolve(parent), 'rotera-bench-'));
  const newDirectory = (name: string): string => {
    mkdirSync(join(directory, name));
    return join(directory, name);
  };
  const program = redisProgram();
  const rotera = await startRotera(newDirectory('rots'), profile);
  const redis =
    program === undefined
      ? []
      : [await startRedis(program, directory, 'always'), await startRedis(program, directory, 'everysec')];
  const hasNats = versionOf(NATS_PROGRAM) !== undefined;
  const nats = hasNats ? [await startNats(directory, 'shipped'), await startNats(directory, 'always')] : [];
  const absent = [
    ...(program === undefined ? ['neither Redis nor Valkey is installed: no comparison with them'] : []),
    ...(hasNats ? [] : ['nats-server is not installed: no comparison with JetStream']),
  ];
  const close = async (): Promise<void> => {
    for (const child of [rotera, ...[...redis, ...nats].map((server) => server.child)]) await child.stop();
    rmSync(directory, { recursive: true });
  };
  return { directory, pace, quick, rotera, redis, nats, absent, newDirectory, close };
}
