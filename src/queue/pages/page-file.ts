/**
 * An LMDB file as pages, read by position. Whatever cannot be read is {@link Damage} of a page.
 */
import { closeSync, constants, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { systemCode } from '../../errors.js';
import { PAGE_BYTES } from '../room.js';
import { type Meta, pickMeta, type Refusal } from './meta.js';
import { Damage, PAGE_HEADER_BYTES } from './page.js';

/** A path, or a descriptor open for reading, which is left open. */
export type FileRef = string | number;

export class PageFile {
  readonly #fd: number;
  readonly #owned: boolean;
  /** The two meta pages as last read; shorter when the file is. */
  #head: Buffer = Buffer.alloc(0);

  private constructor(fd: number, owned: boolean) {
    this.#fd = fd;
    this.#owned = owned;
  }

  /** Opens a file for reading. Never throws. */
  static open(file: FileRef): PageFile | Refusal {
    if (typeof file === 'number') return new PageFile(file, false);
    try {
      // Without O_NONBLOCK a named pipe would hold the process here.
      return new PageFile(openSync(file, constants.O_RDONLY | constants.O_NONBLOCK), true);
    } catch (cause) {
      const code = systemCode(cause);
      const advice = code === 'EACCES' ? ': the user that runs this needs read and write access to it' : '';
      return { ok: false, fault: 'unreadable', reason: `it cannot be opened (${code})${advice}` };
    }
  }

  close(): void {
    if (this.#owned) closeSync(this.#fd);
  }

  /** The snapshot that LMDB would use now, or why there is none; `afterFailure` as {@link pickMeta}. @throws Damage when the disk fails */
  snapshot(afterFailure = false): Meta | Refusal {
    const stat = fstatSync(this.#fd);
    if (!stat.isFile()) {
      return {
        ok: false,
        fault: 'not_a_file',
        reason: stat.isDirectory() ? 'it is a directory' : 'it is no regular file',
      };
    }
    this.#head = this.#readHead(stat.size);
    return pickMeta(this.#head, stat.size, afterFailure);
  }

  /** Whether a commit was made, or the meta pages were changed otherwise, since {@link snapshot}. @throws Damage */
  changed(): boolean {
    return !this.#head.equals(this.#readHead(this.#head.length));
  }

  /** Fills `into` from byte `at` of page `number` on. @throws Damage */
  read(into: Buffer, number: number, at = 0): void {
    if (this.#read(into, number * PAGE_BYTES + at) === into.length) return;
    throw new Damage('lies beyond the end of the file', number);
  }

  /** Fills `into` with bytes of a value that begins on page `first`, from its byte `offset` on. @throws Damage */
  readValue(into: Buffer, first: number, offset: number): void {
    this.read(into, first, PAGE_HEADER_BYTES + offset);
  }

  /** Writes the first bytes of page `number`. @throws Damage */
  write(bytes: Buffer, number: number): void {
    try {
      writeSync(this.#fd, bytes, 0, bytes.length, number * PAGE_BYTES);
    } catch (cause) {
      throw new Damage(`cannot be written (${systemCode(cause)})`, number);
    }
  }

  #readHead(size: number): Buffer {
    const head = Buffer.alloc(Math.min(size, 2 * PAGE_BYTES));
    return head.subarray(0, this.#read(head, 0));
  }

  /** @returns how many bytes there were. */
  #read(into: Buffer, position: number): number {
    let filled = 0;
    try {
      while (filled < into.length) {
        const bytes = readSync(this.#fd, into, filled, into.length - filled, position + filled);
        if (bytes === 0) break;
        filled += bytes;
      }
    } catch (cause) {
      throw new Damage(`cannot be read (${systemCode(cause)})`, Math.floor(position / PAGE_BYTES));
    }
    return filled;
  }
}

/** What {@link Damage} means for the whole file. @throws what is no damage */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof Damage)) throw error;
  const { page, message } = error;
  if (page === undefined) return { ok: false, fault: 'damaged', reason: `it ${message}` };
  return { ok: false, fault: 'damaged', reason: `page ${page} ${message}`, page };
}
