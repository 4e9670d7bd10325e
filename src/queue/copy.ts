/**
 * Copies of rot files: a snapshot of one that may be in use, and the same messages under other limits.
 *
 * The source is read in pieces, each under a snapshot of its own that is let go at once, so that a large copy never keeps the
 * server from using its free pages again. What rotates away meanwhile is left out, as it is in the source.
 */
import { renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { Allocation } from './allocation.js';
import { BLOCK_HEADER_BYTES, readBlockHeader } from './block.js';
import { keyFirst } from './block-store.js';
import { fillFile, makeFile } from './create.js';
import { syncDirectory } from './disk.js';
import { type Entry, Environment, type Table } from './environment.js';
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
import { temporaryPath } from './leftovers.js';
import type { Limits } from './limits.js';
import { probe } from './probe.js';
import { type Mark, rotate } from './retention.js';
import { commitPages, fileLimit, PAGE_BYTES, pagesOf } from './room.js';

/** Bytes copied under one snapshot and in one transaction. */
const PIECE_BYTES = 4 * 1024 * 1024;

/** What a copy holds: `[oldest, next)` as in its source when it was taken. */
export interface Copied {
  readonly oldest: number;
  readonly next: number;
}

/**
 * Writes a consistent copy of a rot file, which may be in use by a server. Durable on return. Whoever opens the copy for
 * writing gives it an epoch of its own.
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
 * Gives a rot file other limits: same messages and ids as far as they fit, same epoch. The file must not be in use. Durable on
 * return; interrupted, it leaves the old file.
 * @param signal gives it up, with nothing left behind
 * @throws `disk_full`, `not_a_rot_file`, `queue_unreadable`, `commit_timeout`
 */
export async function resizeRotFile(path: string, limits: Partial<Limits>, signal?: AbortSignal): Promise<Copied> {
  const temporary = temporaryPath(path);
  const copied = await withSource(path, async (source) => {
    const before = readConfig(source);
    const wanted = { ...before.limits, ...limits };
    return await copyInto(source, { ...before, limits: wanted, limit: fileLimit(wanted) }, temporary, signal);
  });
  renameSync(temporary, path);
  await syncDirectory(dirname(path));
  rmSync(`${path}-lock`, { force: true });
  return copied;
}

async function withSource<T>(path: string, use: (source: Environment) => Promise<T>): Promise<T> {
  probe(path, { readOnly: true });
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
  ) {
    // Its own limit is kept at the end, when it is known what fits.
    this.#allocation = new Allocation(place, environment, Number.MAX_SAFE_INTEGER);
  }

  static async fill<T>(path: string, fill: (target: Target) => Promise<T>): Promise<T> {
    const place = FilePlace.take(path);
    try {
      const environment = Environment.open(path);
      try {
        return await fill(new Target(environment, place));
      } finally {
        await environment.close();
      }
    } finally {
      place.release();
    }
  }

  /** @throws `disk_full`, `overloaded` when no file handle is left, `queue_read_only`, `commit_timeout` */
  async commit(entries: readonly Entry[]): Promise<void> {
    const stored = entries.flatMap(({ value }) => value?.length ?? []);
    const removed = entries.length - stored.length;
    const pages = commitPages(stored, removed);
    await this.#allocation.allocate(pages);
    await this.environment.commit(entries);
    this.#allocation.committed(pages, removed);
  }
}

async function copyInto(
  source: Environment,
  config: FileConfig,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Copied> {
  const { limits, limit, home, ...rest } = config;
  let state: FileState | undefined;
  const fill = async (temporary: string): Promise<void> => {
    // `resize` keeps the life of the queue, so its copy is at home; a snapshot is not.
    await fillFile(temporary, { ...rest, limits, limit }, []);
    state = await Target.fill(temporary, async (target) => {
      if (home === null) await target.commit([{ table: 'meta', key: CONFIG_KEY, value: encodeJson(config) }]);
      return await copyMessages(source, target, { limits, limit, signal });
    });
  };
  await makeFile(path, limits.reserve ? limit : null, fill, signal);
  return state as FileState;
}

interface Wanted {
  readonly limits: Limits;
  /** Most bytes that the copy may take. */
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/** Copies piece by piece; the last piece, the cursors, the producers and the state are read under one snapshot. */
async function copyMessages(source: Environment, target: Target, wanted: Wanted): Promise<FileState> {
  const { limits, limit, signal } = wanted;
  let after: Buffer | undefined;
  while (true) {
    source.release();
    signal?.throwIfAborted();
    const { entries, last, bytes } = readPiece(source, after);
    if (bytes < PIECE_BYTES) {
      const tables = (['cursors', 'producers'] as const).flatMap((table) => tableEntries(source, table));
      const state = readMeta<FileState>(source, STATE_KEY);
      if (entries.length > 0) await target.commit(entries);
      return await finish(target, tables, fitted(target.environment, state, limits, limit));
    }
    await target.commit(entries);
    after = last;
  }
}

/** Chunks from the block of `after` on: that block may have grown since it was read. */
function readPiece(
  source: Environment,
  after: Buffer | undefined,
): { entries: Entry[]; last: Buffer | undefined; bytes: number } {
  const entries: Entry[] = [];
  let bytes = 0;
  let last = after;
  const MOST_KEYS = 4096;
  for (const key of source.keys('blocks', { ...(after === undefined ? {} : { start: after }), limit: MOST_KEYS })) {
    const value = source.get('blocks', key);
    if (value === undefined) continue;
    entries.push({ table: 'blocks', key, value });
    bytes += Math.max(value.length, PIECE_BYTES / MOST_KEYS);
    last = key;
    if (bytes >= PIECE_BYTES) break;
  }
  return { entries, last, bytes };
}

const tableEntries = (source: Environment, table: Table): Entry[] =>
  source.entries(table).map(({ key, value }) => ({ table, key, value }));

/** The state of the copy: what is kept under its limits and fits into its room. */
function fitted(target: Environment, state: FileState, limits: Limits, limit: number): FileState {
  const blocks = marksOf(target);
  const { oldest } = rotate(
    limits,
    state,
    state,
    state.oldest,
    blocks.filter(({ end }) => end > state.oldest),
  );
  const rotated = { ...state.rotated, byCount: state.rotated.byCount + oldest - state.oldest };
  // Half of what the limits leave over is kept free for the next commits.
  let room = Math.floor((limit - (limit - limits.maxBytes) / 2) / PAGE_BYTES);
  let fits = state.next;
  for (const { first, pages } of blocks.reverse()) {
    room -= pages;
    if (room < 0) break;
    fits = first;
  }
  if (fits <= oldest) return { ...state, oldest, rotated };
  return { ...state, oldest: fits, rotated: { ...rotated, byRoom: rotated.byRoom + fits - oldest } };
}

function marksOf(target: Environment): Array<Mark & { pages: number; end: number }> {
  const marks: Array<Mark & { pages: number; end: number }> = [];
  for (const key of target.keys('blocks', {})) {
    const value = target.borrow('blocks', key);
    if (value === undefined) continue;
    const first = keyFirst(key);
    const known = marks.at(-1);
    if (known?.first === first) {
      known.pages += pagesOf(value.length);
      continue;
    }
    if (known !== undefined) known.end = first;
    const position = readBlockHeader(value.subarray(0, BLOCK_HEADER_BYTES))?.position ?? known?.position ?? 0;
    marks.push({ first, position, pages: pagesOf(value.length), end: Number.POSITIVE_INFINITY });
  }
  return marks;
}

async function finish(target: Target, tables: readonly Entry[], state: FileState): Promise<FileState> {
  const { environment } = target;
  const kept = marksOf(environment).find(({ end }) => Math.min(end, state.next) > state.oldest)?.first ?? state.next;
  const gone = environment.keys('blocks', {}).filter((key) => keyFirst(key) < kept);
  await target.commit([
    ...tables,
    ...gone.map((key): Entry => ({ table: 'blocks', key, value: null })),
    { table: 'meta', key: STATE_KEY, value: encodeJson(state) },
  ]);
  return state;
}
