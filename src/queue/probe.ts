/**
 * Looks at a file before LMDB does: LMDB's `open` does not throw on a foreign, cut or damaged file, nor on one that it may
 * not open. It ends the process (SIGSEGV, SIGBUS, SIGABRT).
 */
import { accessSync, constants, statSync } from 'node:fs';
import { basename } from 'node:path';
import { RoteraError, systemCode } from '../errors.js';
import { isMarked } from './failed-mark.js';
import { CONFIG_KEY, decodeConfig } from './file-meta.js';
import { lockFileOf } from './lock-file.js';
import type { FileFault, Refusal } from './pages/meta.js';
import type { Snapshot } from './pages/snapshot-walk.js';
import { entriesOf } from './pages/values.js';
import { type WalkOptions, walkPages } from './pages/walk.js';
import { PAGE_BYTES } from './room.js';

export interface ProbeOptions extends WalkOptions {
  /** The file is to be opened for reading only: then there need be no right to write to it. */
  readonly readOnly?: boolean;
  /**
   * What is read has to be sound while a server writes: then there must be the right to write to the lock file. Without it LMDB takes
   * no place among the readers, and the server writes over the pages that are being read.
   */
  readonly sound?: boolean;
}

/** Whether a file with this fault was never a rot file: otherwise it is one that lost something. */
const foreignFaults: ReadonlySet<FileFault> = new Set<FileFault>(['not_a_file', 'empty', 'foreign', 'other_version']);

const advice: Partial<Record<FileFault, string>> = {
  cut_short: ' Restore it from a copy that is whole.',
  damaged: ' Look at it with rotera check, and restore it from a copy.',
};

/**
 * Verifies that LMDB can be given a file. Costs a read of each page that is not data: less than 1 ms for a small file.
 * @returns what it holds; undefined when another process kept committing to it, which then has it open and found it sound
 * @throws `not_a_rot_file` when it never was one; `queue_unreadable` when it is cut short, damaged or cannot be read, or it or
 * its lock file may not be written; each with the fault, the reason, and the page if it is one
 */
export function probe(path: string, options: ProbeOptions = {}): Snapshot | undefined {
  const walk = walkPages(path, { ...options, afterFailure: isMarked(path) });
  // What it is, is told first; a file that changes all the time is open elsewhere, and may be opened here.
  if (!walk.ok && walk.fault !== 'changing') throw errorOf(walk);
  if (options.readOnly !== true) {
    checkWritable(path);
    checkFormat(path);
  }
  checkLockFile(path, options);
  return walk.ok ? walk.snapshot : undefined;
}

/** Opening it for writing would make the tables that a file of another format has not. */
function checkFormat(path: string): void {
  for (const entry of entriesOf(path, 'meta', PAGE_BYTES)) {
    if (!entry.ok) throw errorOf(entry);
    if (!entry.key.equals(CONFIG_KEY)) continue;
    decodeConfig(entry.value);
    return;
  }
  decodeConfig(undefined);
}

function errorOf({ fault, reason, page }: Refusal): RoteraError {
  const details = page === undefined ? { fault, reason } : { fault, reason, page };
  if (foreignFaults.has(fault)) return new RoteraError('not_a_rot_file', `This is not a rot file: ${reason}.`, details);
  return new RoteraError('queue_unreadable', `The file cannot be used: ${reason}.${advice[fault] ?? ''}`, details);
}

function notWritable(path: string, cause: unknown): RoteraError {
  const reason = systemCode(cause);
  const text = `${basename(path)} cannot be written (${reason}). Give the user that runs this read and write access to it.`;
  return new RoteraError('queue_unreadable', text, { fault: 'unreadable', reason }, { cause });
}

function checkWritable(path: string): void {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
  } catch (cause) {
    throw notWritable(path, cause);
  }
}

/** A lock file left by another user, or something else under its name. A reader does without one that it may not write. */
function checkLockFile(path: string, { readOnly = false, sound = false }: ProbeOptions): void {
  const lockFile = lockFileOf(path);
  let stat: ReturnType<typeof statSync>;
  try {
    stat = statSync(lockFile, { throwIfNoEntry: false });
  } catch (cause) {
    throw notWritable(lockFile, cause);
  }
  if (stat === undefined) return;
  if (!stat.isFile()) {
    const reason = 'the lock file is no regular file';
    const text = `${basename(lockFile)} is no regular file. Take it away: it is made anew.`;
    throw new RoteraError('queue_unreadable', text, { fault: 'unreadable', reason });
  }
  if (!readOnly || (sound && !isOnReadOnlyMount(lockFile))) checkWritable(lockFile);
}

/** Nobody writes to a file there, either. */
function isOnReadOnlyMount(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return systemCode(error) === 'EROFS';
  }
}
