/**
 * Copies of rot files: a snapshot of one that may be in use, and the same messages under other limits.
 *
 * A copy holds the queue as it was at one moment, when it began: what is pushed later is not in it, so that it ends however much is
 * pushed. The source is read in pieces, each under an LMDB snapshot of its own that is let go at once, so that a large copy never
 * keeps the server from using its free pages again. What rotates away before it was read is left out.
 */
import { renameSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Allocation } from './allocation.js';
import { BackwardWalk } from './backward-walk.js';
import { fillFile, makeFile } from './create.js';
import { syncDirectory } from './disk.js';
import { type Entry, Environment } from './environment.js';
import {
  CONFIG_KEY,
  encodeJson,
  type FileConfig,
  type FileState,
  readConfig,
  readMeta,
  STATE_KEY,
} from './file-meta.js';
import { FilePlace } from './file-place.js';
import { removeSoon, temporaryPath } from './leftovers.js';
import type { Limits } from './limits.js';
import { lockFileOf } from './lock-file.js';
import { giveToOwner } from './owner.js';
import { probe } from './probe.js';
import { newestProducers } from './producers.js';
import { commitPages, fileLimit, PAGE_BYTES } from './room.js';

/** Pages of a copy that no blocks get: for its state. A full source has hardly more, and can rotate as the copy will. */
const KEPT_PAGES = commitPages([]);

/** What a copy holds: `[oldest, next)`. */
export interface Copied {
  readonly oldest: number;
  readonly next: number;
}

/**
 * Writes a consistent copy of a rot file, which may be in use by a server: messages, cursors and producers as they were when it
 * began, less the oldest messages if they rotated away before they were read. Never larger than the limit of the source. Durable
 * on return. Whoever opens the copy for writing gives it an epoch of its own.
 * @param signal gives it up, with nothing left behind
 * @throws `file_exists`, `disk_full`, `not_a_rot_file`, `queue_unreadable`, `commit_timeout`
 */
export async function snapshotRotFile(path: string, copy: string, signal?: AbortSignal): Promise<Copied> {
  return await withSource(path, async (source) => {
    const config = { ...readConfig(source), home: null };
    return await copyInto(source, config, copy, signal);
  });
}

/**
 * Gives a rot file other limits: same messages and ids as far as they fit, same epoch, same owner. The file must not be in use.
 * Durable on return; interrupted, it leaves the old file.
 * @param signal gives it up, with nothing left behind
 * @throws `disk_full`, `not_a_rot_file`, `queue_unreadable`, `commit_timeout`; `bad_parameter` when it is another user's, and this
 * process may not give that user the new one
 */
export async function resizeRotFile(path: string, limits: Partial<Limits>, signal?: AbortSignal): Promise<Copied> {
  const temporary = temporaryPath(path);
  const copied = await withSource(path, async (source) => {
    const before = readConfig(source);
    const wanted = { ...before.limits, ...limits };
    return await copyInto(source, { ...before, limits: wanted, limit: fileLimit(wanted) }, temporary, signal);
  });
  try {
    giveToOwner(temporary, statSync(path), path);
    renameSync(temporary, path);
  } catch (error) {
    await removeSoon(temporary);
    throw error;
  }
  await syncDirectory(dirname(path));
  rmSync(lockFileOf(path), { force: true });
  return copied;
}

async function withSource<T>(path: string, use: (source: Environment) => Promise<T>): Promise<T> {
  probe(path, { readOnly: true, sound: true });
  const source = Environment.open(path, { readOnly: true });
  try {
    return await use(source);
  } finally {
    await source.close();
  }
}

/** A copy that is being filled. Its room is given before LMDB needs it, so that LMDB never meets a full disk. */
class Target {
  readonly #allocation: Allocation;

  private constructor(
    readonly environment: Environment,
    place: FilePlace,
    readonly limit: number,
  ) {
    this.#allocation = new Allocation(place, environment, limit);
  }

  /** Pages that can still be written before the limit is met, whatever LMDB does with those that it has freed. */
  get pagesLeft(): number {
    return Math.floor(this.limit / PAGE_BYTES) - this.environment.measure().lastPage - 1;
  }

  /** @param limit most bytes that it may take; it is the filler who keeps within it */
  static async fill<T>(path: string, limit: number, fill: (target: Target) => Promise<T>): Promise<T> {
    const place = FilePlace.take(path);
    try {
      const environment = Environment.open(path);
      try {
        return await fill(new Target(environment, place, limit));
      } finally {
        await environment.close();
      }
    } finally {
      place.release();
    }
  }

  /** @throws `disk_full`, `overloaded` when no file handle is left, `queue_read_only`, `commit_timeout` */
  async commit(entries: readonly Entry[]): Promise<void> {
    const pages = pagesFor(entries);
    await this.#allocation.allocate(pages);
    await this.environment.commit(entries);
    this.#allocation.committed(pages, 0);
  }
}

const pagesFor = (entries: readonly Entry[]): number =>
  commitPages(entries.flatMap(({ value }) => value?.length ?? []));

async function copyInto(
  source: Environment,
  config: FileConfig,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Copied> {
  const { home, ...rest } = config;
  const { limits, limit } = rest;
  let state: FileState | undefined;
  const fill = async (temporary: string): Promise<void> => {
    // `resize` keeps the life of the queue, so its copy is at home; a snapshot is not.
    await fillFile(temporary, rest, []);
    state = await Target.fill(temporary, limit, async (target) => {
      if (home === null) await target.commit([{ table: 'meta', key: CONFIG_KEY, value: encodeJson(config) }]);
      return await copyMessages(source, target, limits, signal);
    });
  };
  await makeFile(path, limits.reserve ? limit : null, fill, signal);
  return state as FileState;
}

/**
 * State, cursors, producers and the newest blocks are read under one snapshot, so that they agree. Later pushes are folded into the
 * newest block only: the older ones are the same under any later snapshot, as long as they are there.
 */
async function copyMessages(
  source: Environment,
  target: Target,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<FileState> {
  source.release();
  const before = readMeta<FileState>(source, STATE_KEY);
  const cursors = source.entries('cursors').map((entry): Entry => ({ table: 'cursors', ...entry }));
  const others = [...cursors, ...newestProducers(source, target.limit)];
  const walk = new BackwardWalk(source, before, limits);
  const room = (): number => target.pagesLeft - KEPT_PAGES;
  let entries = [...others, ...walk.next(room() - pagesFor(others))];
  for (; entries.length > 0; entries = walk.next(room())) {
    signal?.throwIfAborted();
    await target.commit(entries);
  }
  const state = walk.copied(readMeta<FileState>(source, STATE_KEY));
  source.release();
  await target.commit([{ table: 'meta', key: STATE_KEY, value: encodeJson(state) }]);
  return state;
}
