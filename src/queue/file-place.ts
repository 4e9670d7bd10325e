/**
 * The file behind a path, while this process has it open.
 */
import { statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { RoteraError, systemCode } from '../errors.js';
import { fromDisk, withFile } from './disk.js';

/** What a file is, whatever its name. */
const identityOf = ({ dev, ino }: { dev: number; ino: number }): string => `${dev}:${ino}`;

/** @param stored whether something was written to the file that is gone: should it come back to its place, it is kept */
export const fileGone = (stored = false): RoteraError =>
  stored
    ? new RoteraError('queue_not_found', 'The rot file was removed or replaced while this was stored in it.', {
        outcome: 'unknown',
      })
    : new RoteraError('queue_not_found', 'The rot file was removed or replaced.');

/** Files this process has open, by what they are and not by their names. */
const taken = new Set<string>();

/** Whether this process has a file open, under whatever name. */
export const isTaken = (stat: { dev: number; ino: number }): boolean => taken.has(identityOf(stat));

export class FilePlace {
  private constructor(
    readonly path: string,
    readonly identity: string,
  ) {}

  /**
   * Takes a file for one reader and writer in this process. Two of them, under two names of one file (hard or symbolic links),
   * would each keep its own account of it and write over what the other has stored.
   * @throws `queue_unreadable` when it is taken, or what the system throws when it is gone
   */
  static take(path: string): FilePlace {
    const identity = identityOf(statSync(path));
    if (taken.has(identity)) {
      const text = 'This file is open under another name. Take one of the links away, or make a copy of the file.';
      throw new RoteraError('queue_unreadable', text, { fault: 'unreadable' });
    }
    taken.add(identity);
    return new FilePlace(path, identity);
  }

  /** Whether the file still stands under its path. A path that cannot be looked at is no sign that it does not. */
  get isSame(): boolean {
    try {
      const stat = statSync(this.path, { throwIfNoEntry: false });
      return stat !== undefined && identityOf(stat) === this.identity;
    } catch (error) {
      return systemCode(error) !== 'ELOOP';
    }
  }

  /**
   * @param stored whether something was just written to the file
   * @throws `queue_not_found` when it does not stand there any more, with `outcome: "unknown"` of what was written
   */
  check(stored = false): void {
    if (!this.isSame) throw fileGone(stored);
  }

  /**
   * Opens the file for writing, uses and closes it: never another that has taken its place.
   * @throws `queue_not_found` when it is gone or another stands there, `commit_timeout`, else what the system throws
   */
  async use<T>(use: (file: FileHandle) => Promise<T>): Promise<T> {
    const opening = open(this.path, 'r+').catch((error: unknown) => {
      this.check();
      throw error;
    });
    return await withFile(opening, async (file) => {
      if (identityOf(await fromDisk(file.stat())) !== this.identity) throw fileGone();
      return await use(file);
    });
  }

  release(): void {
    taken.delete(this.identity);
  }
}
