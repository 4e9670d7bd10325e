/**
 * LMDB's lock file beside a rot file: places of readers, locks, and the number of the last transaction.
 */
import {
  closeSync,
  existsSync,
  fchownSync,
  linkSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { temporaryPath } from './leftovers.js';

/** Its size for 126 readers. Written with real bytes before LMDB maps it: on a full disk it would be SIGBUS. */
const LOCK_FILE_BYTES = 8272;
/** Where the number of the last transaction stands: behind `u32 magic | u32 format`. */
const TRANSACTION_OFFSET = 8;

/** What `link` says where there are no hard links: FAT, folders shared with a virtual machine, some network shares. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS']);

export const lockFileOf = (path: string): string => `${path}-lock`;

/**
 * Makes the lock file of a rot file when there is none. Whole, and under another name first: a program that opens the file in the same
 * moment must find it complete or not at all. What is written over one that LMDB uses already takes its locks and its transaction
 * number from it, and with them the file.
 */
export function makeLockFile(path: string, readOnly: boolean): void {
  const lockFile = lockFileOf(path);
  if (existsSync(lockFile)) return;
  const temporary = temporaryPath(path);
  try {
    fill(temporary, path);
    giveName(temporary, lockFile);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // LMDB does without one on a read-only mount: nobody else can write either.
    if (code !== 'EEXIST' && !(readOnly && code === 'EROFS')) throw error;
  } finally {
    removeNow(temporary);
  }
}

/** What stays goes at the next start (leftovers.ts): the lock file is there, and the file can be opened. */
function removeNow(temporary: string): void {
  try {
    rmSync(temporary, { force: true });
  } catch {}
}

/** Fills a new file, which is to be used by whoever can use the rot file: root above all looks at the files of servers. */
function fill(temporary: string, path: string): void {
  const fd = openSync(temporary, 'wx', 0o640);
  try {
    writeFileSync(fd, Buffer.alloc(LOCK_FILE_BYTES));
    const stat = statSync(path, { throwIfNoEntry: false });
    // Not by name: whoever owns the directory could put a file of another user there.
    if (stat !== undefined) fchownSync(fd, stat.uid, stat.gid);
  } catch (error) {
    // Others may not give files away.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  } finally {
    closeSync(fd);
  }
}

/** Where a name cannot be given to a file that is whole, LMDB makes the lock file itself. */
function giveName(temporary: string, lockFile: string): void {
  try {
    linkSync(temporary, lockFile);
  } catch (error) {
    if (!NO_LINKS.has((error as NodeJS.ErrnoException).code)) throw error;
  }
}

/** The lock file of a rot file that LMDB has open for writing. */
export class LockFile {
  #fd: number | undefined;
  readonly #number = Buffer.alloc(8);

  constructor(path: string) {
    this.#fd = openSync(lockFileOf(path), 'r+');
  }

  /** The number of the last transaction: the next one begins from that snapshot. Every program that opens the file sets it. */
  get transaction(): number {
    if (this.#fd === undefined) throw new Error('The lock file is closed.');
    readSync(this.#fd, this.#number, 0, this.#number.length, TRANSACTION_OFFSET);
    return Number(this.#number.readBigUInt64LE());
  }

  set transaction(transaction: number) {
    if (this.#fd === undefined) return;
    this.#number.writeBigUInt64LE(BigInt(transaction));
    writeSync(this.#fd, this.#number, 0, this.#number.length, TRANSACTION_OFFSET);
  }

  /**
   * Not before LMDB has closed the file: with any descriptor of it, the process gives up all the locks that it has on it. A second
   * call does nothing.
   */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
