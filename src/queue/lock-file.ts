/**
 * LMDB's lock file beside a rot file: places of readers, locks, and the number of the last transaction.
 */
import { closeSync, existsSync, linkSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { temporaryPath } from './leftovers.js';

/** Its size for 126 readers. Written with real bytes before LMDB maps it: on a full disk it would be SIGBUS. */
const LOCK_FILE_BYTES = 8272;
/** Where the number of the last transaction stands: behind `u32 magic | u32 format`. */
const TRANSACTION_OFFSET = 8;

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
    writeFileSync(temporary, Buffer.alloc(LOCK_FILE_BYTES), { mode: 0o640, flag: 'wx' });
    linkSync(temporary, lockFile);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // LMDB does without one on a read-only mount: nobody else can write either.
    if (code !== 'EEXIST' && !(readOnly && code === 'EROFS')) throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** The lock file of a rot file that LMDB has open for writing. */
export class LockFile {
  readonly #fd: number;
  readonly #number = Buffer.alloc(8);

  constructor(path: string) {
    this.#fd = openSync(lockFileOf(path), 'r+');
  }

  /** The number of the last transaction: the next one begins from that snapshot. Every program that opens the file sets it. */
  get transaction(): number {
    readSync(this.#fd, this.#number, 0, this.#number.length, TRANSACTION_OFFSET);
    return Number(this.#number.readBigUInt64LE());
  }

  set transaction(transaction: number) {
    this.#number.writeBigUInt64LE(BigInt(transaction));
    writeSync(this.#fd, this.#number, 0, this.#number.length, TRANSACTION_OFFSET);
  }

  /** Not before LMDB has closed the file: with any descriptor of it, the process gives up all the locks that it has on it. */
  close(): void {
    closeSync(this.#fd);
  }
}
