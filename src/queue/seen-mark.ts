/**
 * The mark beside a rot file that tells how far it was seen. By it a backup that was written over the file is known for one: `cp`
 * keeps inode and birth, and a backup made with `cp` names the home of its source.
 *
 * It is made once for each opening, after the first push is durable and before it is answered. That is enough: `cp` copies a file
 * that no server has open, so a backup ends below the mark if anything was pushed after it.
 */
import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isRoteraError } from '../errors.js';
import { fromDisk, syncDirectory, withFile } from './disk.js';
import { type Home, homeOf, isCopy } from './file-meta.js';
import { removeSoon, temporaryPath } from './leftovers.js';

/** What is durable in the file; never more than that, else a crash would make it look like an older one. */
export interface Seen {
  readonly epoch: string;
  readonly next: number;
}

/** As stored, in JSON. */
interface Stored extends Seen {
  /** Home of the rot file, and of the mark itself: it can be put back as well, with the whole directory. */
  readonly file: Home;
  readonly mark: Home;
}

export const seenMarkOf = (path: string): string => join(dirname(path), `.${basename(path)}.seen`);

/** The mark of a file that is open for writing. */
export class SeenMark {
  readonly #path: string;
  readonly #home: Home;
  /** A push beyond it is to be marked. */
  #next: number;

  /** @param home where the file lives @param next as it was opened */
  constructor(path: string, home: Home, next: number) {
    this.#path = path;
    this.#home = home;
    this.#next = next;
  }

  /** Whether the file is not what was seen here, or less of it. A mark that is missing, damaged or of another file says nothing. */
  contradicts({ epoch, next }: Seen): boolean {
    const path = seenMarkOf(this.#path);
    try {
      const stored = JSON.parse(readFileSync(path, 'utf8')) as Stored;
      if (isCopy(stored.file, this.#home)) return false;
      return stored.epoch !== epoch || stored.next > next || isCopy(stored.mark, homeOf(path));
    } catch {
      return false;
    }
  }

  /** Takes note of a new epoch. Never throws; durable on return, unless the disk is full or fails. */
  async drawn(seen: Seen): Promise<void> {
    // The old mark would contradict the file at each start.
    if ((await this.#write(seen)) !== 'written') void removeSoon(seenMarkOf(this.#path));
  }

  /**
   * Takes note of a push, if it is the first. As {@link drawn}; what fails is tried again with the next push. @returns false when the
   * disk did not answer in time: what waits behind this is not to wait for it once more
   */
  async pushed(seen: Seen): Promise<boolean> {
    if (seen.next <= this.#next) return true;
    const outcome = await this.#write(seen);
    if (outcome !== 'failed') this.#next = Number.POSITIVE_INFINITY;
    return outcome !== 'hangs';
  }

  async #write(seen: Seen): Promise<'written' | 'failed' | 'hangs'> {
    const path = seenMarkOf(this.#path);
    const temporary = temporaryPath(path);
    try {
      await withFile(open(temporary, 'wx', 0o640), async (file) => {
        const stored: Stored = { ...seen, file: this.#home, mark: homeOf(temporary) };
        await fromDisk(file.writeFile(JSON.stringify(stored)));
        await fromDisk(file.sync());
      });
      await fromDisk(rename(temporary, path));
      await syncDirectory(dirname(path));
      return 'written';
    } catch (error) {
      void removeSoon(temporary);
      return isRoteraError(error, 'commit_timeout') ? 'hangs' : 'failed';
    }
  }
}
