/**
 * The room of one rot file on disk: keeps it within its limit, and allocates it before LMDB needs it, so that LMDB never meets
 * a full disk (its error path corrupts the heap).
 */
import { statSync } from 'node:fs';
import { RoteraError, systemCode } from '../errors.js';
import { CHUNK_BYTES } from './block.js';
import { diskFull, fromDisk, isNoSpace, writeZeros } from './disk.js';
import type { Environment } from './environment.js';
import type { FilePlace } from './file-place.js';
import { isOutOfHandles, outOfHandles } from './handles.js';
import { commitPages, PAGE_BYTES, pagesOf } from './room.js';

const MIB = 1024 * 1024;
/** Pages kept free beyond what a commit needs, and the share of it, since free pages can be scattered. */
const SPARE_PAGES = 32;
const SPARE_SHARE = 8;

/** What one commit gives back can be used again by the second one after it. */
const SETTLING_COMMITS = 2;
/** Of so many commits it is known what they gave back; a reader that lies further behind is taken to hold everything. */
const KNOWN_COMMITS = 1024;

/** Accounts for the pages of one open rot file. */
export class Allocation {
  readonly #place: FilePlace;
  readonly #environment: Environment;
  readonly #limitPages: number;
  /** At least the last page ever written: grows by what commits may have written until it is measured again. */
  #lastPage: number;
  #usedPages: number;
  /** Of these, the ones that are not for messages. */
  #otherPages: number;
  /** At least the pages that each of the last commits gave back, the newest last. */
  readonly #freed: number[] = [0, 0];
  /** How many commits the slowest reader of the file lies behind. */
  #lag = 0;
  /** Size of the file: all of it is really there. */
  #bytes: number;

  constructor(place: FilePlace, environment: Environment, limit: number) {
    this.#place = place;
    this.#environment = environment;
    this.#limitPages = Math.floor(limit / PAGE_BYTES);
    this.#bytes = statSync(place.path).size;
    const { lastPage, usedPages, blockPages } = environment.measure();
    this.#lastPage = lastPage;
    this.#usedPages = usedPages;
    this.#otherPages = usedPages - blockPages;
  }

  /** Size of the file in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Pages that commits have freed and that are usable after further commits, once no reader sees them any more. */
  get unsettled(): number {
    const commits = SETTLING_COMMITS + this.#lag;
    if (commits > this.#freed.length) return Number.POSITIVE_INFINITY;
    return this.#freed.slice(-commits).reduce((sum, pages) => sum + pages, 0);
  }

  /** Whether a reader of the file saw an old snapshot when the room was last found to be short. */
  get isHeld(): boolean {
    return this.#lag > 0;
  }

  /** The most pages that one commit can ever write, with nothing kept beside it. */
  get most(): number {
    const free = this.#limitPages - this.#otherPages - SETTLING_COMMITS * commitPages([]) - SPARE_PAGES;
    return Math.floor((free * SPARE_SHARE) / (SPARE_SHARE + 1));
  }

  /** How many pages are missing for a commit that may write `pages`; 0 when there is room. */
  shortfall(pages: number): number {
    if (this.#lastPage + 1 + pages <= this.#limitPages) return 0;
    const newest = this.#measure();
    const fromFree = pages - Math.max(0, this.#limitPages - (this.#lastPage + 1));
    if (fromFree <= 0) return 0;
    this.#lag = this.#environment.readersLag(newest);
    const free = this.#lastPage + 1 - this.#usedPages - this.unsettled;
    return Math.max(0, fromFree + SPARE_PAGES + Math.ceil(fromFree / SPARE_SHARE) - free);
  }

  /**
   * Makes sure that the room for a commit of `pages` is really there.
   * @throws `disk_full`, `overloaded` (no file handle is free): nothing has changed; `queue_not_found` when the file was removed
   * or replaced; `queue_read_only`, `commit_timeout` when the disk fails
   */
  async allocate(pages: number): Promise<void> {
    if ((this.#lastPage + 1 + pages) * PAGE_BYTES <= this.#bytes) return;
    this.#measure();
    const needed = Math.min(this.#lastPage + 1 + pages, this.#limitPages) * PAGE_BYTES;
    if (needed <= this.#bytes) return;
    const size = Math.min(Math.ceil(needed / MIB) * MIB, this.#limitPages * PAGE_BYTES);
    try {
      await this.#growTo(size);
    } catch (cause) {
      if (cause instanceof RoteraError) throw cause;
      if (isOutOfHandles(cause)) throw outOfHandles(cause);
      throw new RoteraError(
        'queue_read_only',
        `The rot file cannot be given room (${systemCode(cause)}).`,
        {},
        { cause },
      );
    }
  }

  async #growTo(size: number): Promise<void> {
    await this.#place.use(async (file) => {
      try {
        await writeZeros(file, this.#bytes, size);
        this.#bytes = size;
      } catch (cause) {
        if (!isNoSpace(cause)) throw cause;
        await fromDisk(file.truncate(this.#bytes));
        throw diskFull(cause, size - this.#bytes);
      }
    });
  }

  /** Takes note of a commit that may have written `pages` and has removed so many chunks. */
  committed(pages: number, removedChunks: number): void {
    this.#lastPage += pages;
    let freed = pages + removedChunks * pagesOf(CHUNK_BYTES);
    if (this.#lastPage >= this.#limitPages) {
      // Room is short: then it is worth the time to know better.
      const before = this.#usedPages;
      this.#measure();
      freed = Math.min(freed, Math.max(0, before + pages - this.#usedPages));
    }
    this.#freed.push(freed);
    if (this.#freed.length > 2 * KNOWN_COMMITS) this.#freed.splice(0, KNOWN_COMMITS);
  }

  /** @returns the newest snapshot */
  #measure(): number {
    const { lastPage, newest, usedPages, blockPages } = this.#environment.measure();
    this.#lastPage = lastPage;
    this.#usedPages = usedPages;
    this.#otherPages = usedPages - blockPages;
    return newest;
  }
}
