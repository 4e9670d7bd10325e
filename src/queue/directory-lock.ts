/**
 * One writer per directory: a lock on the directory itself, so that a second server cannot open the same rot files.
 *
 * It is flock(2) on a descriptor of the directory. The kernel keeps it with the directory's inode: no file of it can be
 * deleted, a symbolic link or a bind mount leads to the same lock, no network namespace hides it, and it is gone with the
 * process however that ends. LMDB does not refuse a second process, and two of them on hard links of a file crash.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { messageOf, RoteraError } from '../errors.js';

/** What flock(1) exits with when another holds the lock. */
const HELD = 1;
/** flock does not wait for the lock: this bounds a file system that does not answer. */
const ANSWER_MS = 10_000;

export interface DirectoryLock {
  /** Gives the directory back. A second call does nothing. */
  release(): void;
}

/**
 * Takes a directory for this process, until `release()` or the process ends.
 *
 * Node cannot call flock(2), so flock(1) of util-linux (or busybox) calls it on a descriptor that it inherits. The lock
 * belongs to the open file, which we share with it, and stays when it has exited.
 * @throws `in_use` when anyone holds it, this process included; `directory_unusable` when it cannot be locked
 */
export function lockDirectory(path: string): DirectoryLock {
  let fd: number | undefined = openDirectory(path);
  const release = (): void => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  const flock = spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', fd], timeout: ANSWER_MS });
  if (flock.status === 0) return { release };
  release();
  if (flock.status === HELD) {
    throw new RoteraError(
      'in_use',
      `The directory ${path} is in use by another rotera server. Stop that one, or choose another directory with --dir.`,
    );
  }
  throw unusable(path, flock.error ?? new Error(flock.stderr.toString().trim() || `flock: ${flock.signal}`));
}

function openDirectory(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (cause) {
    throw unusable(path, cause);
  }
}

function unusable(path: string, cause: unknown): RoteraError {
  const missing = cause instanceof Error && 'path' in cause && cause.path === 'flock';
  const advice = missing ? ' The program flock is needed: install util-linux, and see that PATH leads to it.' : '';
  const text = `The directory ${path} cannot be locked: ${messageOf(cause)}.${advice}`;
  return new RoteraError('directory_unusable', text, {}, { cause });
}
