/**
 * Makes rot files.
 */
import { statfsSync } from 'node:fs';
import { link, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isRoteraError, RoteraError } from '../errors.js';
import { diskFull, fromDisk, isNoSpace, syncDirectory, withFile, writeZeros } from './disk.js';
import { mapBytes } from './environment.js';
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
import { removeSoon, temporaryPath } from './leftovers.js';
import type { Limits } from './limits.js';
import { lockFileOf } from './lock-file.js';
import { type FirstEntry, newFile } from './pages/new-file.js';
import { fileLimit } from './room.js';

/** What a new file has: its first commits need no more, so that LMDB is not the one to find the disk full. */
const FIRST_BYTES = 96 * 1024;

/**
 * Makes a file under a temporary name beside its own. Durable on return; when it fails, there is none, unless the disk does not
 * answer any more.
 */
export async function makeFile(
  path: string,
  reserveBytes: number | null,
  fill: (temporary: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  // Asked first: finding out by writing would fill the disk for everybody else meanwhile.
  if (reserveBytes !== null) checkSpace(dirname(path), reserveBytes);
  const temporary = temporaryPath(path);
  let isHanging = false;
  try {
    await fill(temporary);
    await withFile(open(temporary, 'r+'), async (file) => {
      if (reserveBytes !== null) await writeZeros(file, (await fromDisk(file.stat())).size, reserveBytes, signal);
      await fromDisk(file.sync());
    });
    // A link, unlike a rename, never replaces a file that came meanwhile.
    await fromDisk(link(temporary, path));
    await syncDirectory(dirname(path)).catch(async (cause) => {
      // A name that may not last: what is pushed to it would be lost with it.
      await fromDisk(unlink(path));
      throw cause;
    });
  } catch (cause) {
    isHanging = isRoteraError(cause, 'commit_timeout');
    throw explain(cause, path, reserveBytes ?? FIRST_BYTES);
  } finally {
    const removed = Promise.all([temporary, lockFileOf(temporary)].map(removeSoon));
    // Who waited for a disk that hangs is told first.
    if (!isHanging) await removed;
  }
}

function explain(cause: unknown, path: string, bytes: number): unknown {
  if (isNoSpace(cause)) return diskFull(cause, bytes);
  if (isOutOfHandles(cause)) return outOfHandles(cause);
  if (cause instanceof RoteraError || !(cause instanceof Error) || !('code' in cause)) return cause;
  if (cause.code === 'EEXIST') {
    const text = `${path} exists already, and is not replaced: choose another name, or take it away first.`;
    return new RoteraError('file_exists', text, {}, { cause });
  }
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

/**
 * Makes a file at a temporary path, with its configuration and other entries of table "meta". Its home is that of the final one:
 * a link keeps the inode.
 */
export async function fillFile(
  path: string,
  config: Omit<FileConfig, 'home'>,
  entries: readonly FirstEntry[],
): Promise<void> {
  try {
    await withFile(open(path, 'wx', 0o640), async (file) => {
      const first = { key: CONFIG_KEY, value: encodeJson({ ...config, home: homeOf(path) }) };
      const head = newFile(mapBytes(0), { blocks: [], meta: [first, ...entries], cursors: [], producers: [] });
      await fromDisk(file.writeFile(head));
      await writeZeros(file, head.length, FIRST_BYTES);
    });
  } catch (cause) {
    throw isNoSpace(cause) ? diskFull(cause, FIRST_BYTES) : cause;
  }
}

/**
 * Makes a new rot file. Durable on return: made under a temporary name, synced, linked to its own name, directory synced, so
 * that a create interrupted at any point leaves no half file under that name.
 * @param now ms @param signal gives it up, with nothing left behind
 * @throws `file_exists`; `disk_full` when the room cannot be reserved (nothing is left behind); `overloaded` when no file handle
 * is left; `directory_unusable`; `commit_timeout`
 */
export async function createRotFile(path: string, limits: Limits, now: number, signal?: AbortSignal): Promise<void> {
  const limit = fileLimit(limits);
  const config = { format: FILE_FORMAT, epoch: newEpoch(), createdAt: now, limits, limit };
  const rotated = { byCount: 0, byBytes: 0, byAge: 0, byRoom: 0 };
  const state: FileState = { oldest: 0, next: 0, position: 0, time: now, rotated };
  const fill = (temporary: string): Promise<void> =>
    fillFile(temporary, config, [{ key: STATE_KEY, value: encodeJson(state) }]);
  await makeFile(path, limits.reserve ? limit : null, fill, signal);
}
