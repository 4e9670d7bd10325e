/**
 * Makes rot files.
 */
import { closeSync, fsyncSync, linkSync, openSync, statfsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RoteraError } from '../errors.js';
import { diskFull, isNoSpace, writeZeros } from './allocation.js';
import { fromDisk } from './deadline.js';
import { type Entry, Environment, mapBytes } from './environment.js';
import {
  CONFIG_KEY,
  encodeJson,
  FILE_FORMAT,
  type FileConfig,
  type FileState,
  homeOf,
  newEpoch,
  STATE_KEY,
} from './file-meta.js';
import { isOutOfHandles, outOfHandles } from './handles.js';
import { removeIfPossible, temporaryPath } from './leftovers.js';
import { emptyFile } from './pages/new-file.js';
import type { Limits } from './retention.js';
import { fileLimit } from './room.js';

/** Four tables and a first commit take 14 pages. */
const FIRST_BYTES = 96 * 1024;

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A file that is being made under a temporary name beside its own. */
export async function makeFile(
  path: string,
  reserveBytes: number | null,
  fill: (temporary: string) => Promise<void>,
): Promise<void> {
  const directory = dirname(path);
  const temporary = temporaryPath(path);
  try {
    await fill(temporary);
    const file = await open(temporary, 'r+');
    try {
      if (reserveBytes !== null) await writeZeros(file, (await file.stat()).size, reserveBytes);
      await fromDisk(file.sync());
    } finally {
      await file.close();
    }
    // A link, unlike a rename, never replaces a file that came meanwhile.
    linkSync(temporary, path);
    syncDirectory(directory);
  } catch (cause) {
    throw explain(cause, reserveBytes ?? FIRST_BYTES);
  } finally {
    for (const left of [temporary, `${temporary}-lock`]) removeIfPossible(left);
  }
}

function explain(cause: unknown, bytes: number): unknown {
  if (isNoSpace(cause)) return diskFull(cause, bytes);
  if (isOutOfHandles(cause)) return outOfHandles(cause);
  if (cause instanceof RoteraError || !(cause instanceof Error) || !('code' in cause)) return cause;
  if (cause.code === 'EEXIST') return new RoteraError('file_exists', 'This file exists already.', {}, { cause });
  const text = `The directory cannot be written (${cause.code}): make it, or give the user that runs this write access.`;
  return new RoteraError('directory_unusable', text, {}, { cause });
}

/** @throws `disk_full` when the filesystem has not so many bytes to give; a directory that is not there is said later */
function checkSpace(directory: string, bytes: number): void {
  try {
    const { bavail, bsize } = statfsSync(directory);
    if (bytes > bavail * bsize) throw diskFull(undefined, bytes);
  } catch (error) {
    if (error instanceof RoteraError) throw error;
  }
}

/** Makes an empty file with the room that its first commits need: LMDB must not be the one to find the disk full. */
async function prepare(path: string): Promise<void> {
  const file = await open(path, 'wx', 0o640);
  try {
    const head = emptyFile(mapBytes(0));
    await fromDisk(file.write(head));
    await writeZeros(file, head.length, FIRST_BYTES);
  } catch (cause) {
    throw isNoSpace(cause) ? diskFull(cause, FIRST_BYTES) : cause;
  } finally {
    await file.close();
  }
}

/** Fills a new file with its first entries. The temporary file's place is the final one's: a link keeps the inode. */
export async function fillFile(
  path: string,
  config: Omit<FileConfig, 'home'>,
  entries: readonly Entry[],
): Promise<void> {
  await prepare(path);
  const environment = Environment.open(path);
  try {
    const first: Entry = { table: 'meta', key: CONFIG_KEY, value: encodeJson({ ...config, home: homeOf(path) }) };
    await environment.commit([first, ...entries]);
  } finally {
    await environment.close();
  }
}

/**
 * Makes a new rot file. Durable on return: made under a temporary name, synced, linked to its own name, directory synced, so
 * that a create interrupted at any point leaves no half file under that name.
 * @param now ms
 * @throws `file_exists`; `disk_full` when the room cannot be reserved (nothing is left behind); `overloaded` when no file handle
 * is left; `directory_unusable`
 */
export async function createRotFile(path: string, limits: Limits, now: number): Promise<void> {
  const limit = fileLimit(limits);
  // Asked first: finding out by writing would fill the disk for everybody else meanwhile.
  if (limits.reserve) checkSpace(dirname(path), limit);
  const config = { format: FILE_FORMAT, epoch: newEpoch(), createdAt: now, limits, limit };
  const rotated = { byCount: 0, byBytes: 0, byAge: 0, byRoom: 0 };
  const state: FileState = { oldest: 0, next: 0, position: 0, time: now, rotated };
  await makeFile(path, limits.reserve ? limit : null, (temporary) =>
    fillFile(temporary, config, [{ table: 'meta', key: STATE_KEY, value: encodeJson(state) }]),
  );
}
