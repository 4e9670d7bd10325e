/**
 * What is asked of the disk, in time: each call has a deadline, and none runs on the event loop.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { RoteraError } from '../errors.js';
import { deadlineIn } from './deadline.js';

const MIB = 1024 * 1024;
/** So much at a time is given to the disk, which then has to answer in time. */
const SYNC_EACH_BYTES = 64 * MIB;

/** Longest time that one call to the disk may take; ms. */
const DISK_DEADLINE_MS = 30_000;

/** The filesystem is full, the quota is used up, or the file may not grow any more (`ulimit -f`, LimitFSIZE). */
const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

export const isNoSpace = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && NO_ROOM.has(String(error.code));

/** @param bytes what was asked for in vain */
export function diskFull(cause: unknown, bytes: number): RoteraError {
  const text = `The disk has no room for ${bytes} more bytes. Free some, or use a smaller maxBytes.`;
  return new RoteraError('disk_full', text, { bytes }, { cause });
}

/** The disk did not do in time what it was asked to. */
export function diskHangs(): RoteraError {
  const text = `The disk did not answer within ${DISK_DEADLINE_MS / 1000} s: whether this was stored is not known.`;
  return new RoteraError('commit_timeout', text);
}

/** What the disk is to do, if it does it in time. @throws `commit_timeout` when it does not; what became of it is not known then */
export async function fromDisk<T>(work: Promise<T>): Promise<T> {
  const { over, clear } = deadlineIn(DISK_DEADLINE_MS);
  const late = over.then(() => {
    throw diskHangs();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clear();
  }
}

const closeLater = (file: FileHandle): void => void file.close().catch(() => undefined);

/**
 * Uses a file that is being opened, and closes it. When the disk does not answer, it is closed as soon as that does: nobody waits
 * for it. @throws `commit_timeout`, what the system throws, what `use` throws
 */
export async function withFile<T>(opening: Promise<FileHandle>, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await fromDisk(opening).catch((error: unknown) => {
    opening.then(closeLater, () => undefined);
    throw error;
  });
  try {
    const result = await use(file);
    await fromDisk(file.close());
    return result;
  } catch (error) {
    closeLater(file);
    throw error;
  }
}

/**
 * Writes zeros over `[from, to)`, so that the filesystem has really given the room; synced on return.
 * @throws `commit_timeout`; what the system throws; the reason of `signal` when it aborts
 */
export async function writeZeros(file: FileHandle, from: number, to: number, signal?: AbortSignal): Promise<void> {
  const zeros = Buffer.alloc(MIB);
  for (let at = from, synced = from; at < to; ) {
    signal?.throwIfAborted();
    const { bytesWritten } = await fromDisk(file.write(zeros, 0, Math.min(zeros.length, to - at), at));
    at += bytesWritten;
    if (at < to && at - synced < SYNC_EACH_BYTES) continue;
    await fromDisk(file.datasync());
    synced = at;
  }
}

/** Makes the names in a directory durable. @throws `commit_timeout`, what the system throws */
export async function syncDirectory(path: string): Promise<void> {
  await withFile(open(path), (directory) => fromDisk(directory.sync()));
}
