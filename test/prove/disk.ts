/**
 * A model of a disk that keeps what was synced, and of what was not any part: what may be left after a power cut.
 *
 * A write becomes durable when a sync of its file that began after it ended has succeeded, or at once through O_DSYNC. Until
 * then each sector of it, 512 bytes, may have reached the disk or not, in any order. So for names: durable with the next sync
 * of the directory. The size of a file is what the durable writes, and those of the others that are chosen, need.
 */
import type { Random } from './random.js';
import type { Event } from './recording.js';

const PAGE = 4096;
const SECTOR = 512;
/** LMDB's two meta pages. */
const META_PAGES = 2;

/** What of the unsynced writes is on disk. */
export const CUTS = ['none', 'all', 'in order', 'any pages', 'any sectors', 'meta only', 'data only'] as const;
export type Cut = (typeof CUTS)[number];

interface Write {
  readonly offset: number;
  readonly data: Buffer;
  readonly synced: boolean;
  readonly thread: number;
  ended: boolean;
}

class File {
  #durable = Buffer.alloc(0);
  pending: Write[] = [];

  /** Puts writes where no crash can take them away. */
  settle(writes: ReadonlySet<Write>): void {
    for (const write of this.pending) if (writes.has(write)) this.#keep(write);
    this.pending = this.pending.filter((write) => !writes.has(write));
  }

  #keep({ offset, data }: Write): void {
    const more = offset + data.length - this.#durable.length;
    if (more > 0) this.#durable = Buffer.concat([this.#durable, Buffer.alloc(more)]);
    data.copy(this.#durable, offset);
  }

  /** Takes over what a file really holds: a write that a kill cut short may have reached it, or not. */
  reconcile(content: Buffer): void {
    const believed = this.image('all', undefined);
    for (let offset = 0; offset < content.length; offset += PAGE) {
      const data = content.subarray(offset, offset + PAGE);
      if (data.equals(believed.subarray(offset, offset + PAGE))) continue;
      this.pending.push({ offset, data, synced: false, thread: 0, ended: true });
    }
  }

  /** What may be found after a cut. */
  image(cut: Cut, random: Random | undefined): Buffer {
    const last = cut === 'in order' ? (random?.below(this.pending.length + 1) ?? 0) : this.pending.length;
    const chosen = new Map<number, Buffer>();
    let size = this.#durable.length;
    for (const [page, { versions, end }] of this.#written(this.pending.slice(0, last))) {
      const choice = this.#choose(cut, page, versions, random);
      if (choice === versions[0]) continue;
      chosen.set(page, choice);
      size = Math.max(size, end);
    }
    const image = Buffer.alloc(size);
    this.#durable.copy(image);
    for (const [page, bytes] of chosen) bytes.copy(image, page * PAGE, 0, Math.min(PAGE, size - page * PAGE));
    return image;
  }

  /** Each page written to: as it is on disk and after each write, and where in the file the writes to it end. */
  #written(writes: readonly Write[]): Map<number, { versions: readonly Buffer[]; end: number }> {
    const written = new Map<number, { versions: readonly Buffer[]; end: number }>();
    for (const { offset, data } of writes) {
      for (let at = offset; at < offset + data.length; ) {
        const page = Math.floor(at / PAGE);
        const end = Math.min((page + 1) * PAGE, offset + data.length);
        const known = written.get(page) ?? { versions: [this.#page(page)], end: 0 };
        const next = Buffer.from(known.versions.at(-1) as Buffer);
        data.copy(next, at - page * PAGE, at - offset, end - offset);
        written.set(page, { versions: [...known.versions, next], end: Math.max(known.end, end) });
        at = end;
      }
    }
    return written;
  }

  #page(page: number): Buffer {
    const bytes = Buffer.alloc(PAGE);
    bytes.set(this.#durable.subarray(page * PAGE, (page + 1) * PAGE));
    return bytes;
  }

  #choose(cut: Cut, page: number, versions: readonly Buffer[], random: Random | undefined): Buffer {
    const oldest = versions[0] as Buffer;
    const newest = versions.at(-1) as Buffer;
    if (cut === 'none') return oldest;
    if (cut === 'meta only') return page < META_PAGES ? newest : oldest;
    if (cut === 'data only') return page < META_PAGES ? oldest : newest;
    if (random === undefined || cut === 'all' || cut === 'in order') return newest;
    if (cut === 'any pages') return random.pick(versions);
    const torn = Buffer.alloc(PAGE);
    for (let at = 0; at < PAGE; at += SECTOR) random.pick(versions).copy(torn, at, at, at + SECTOR);
    return torn;
  }
}

type Names = Map<string, File>;
type Renaming = (names: Names) => void;

/** The files of one directory and their names. */
export class Disk {
  /** Files by inode. One without a name may still be written to, and may come back with its name; then its number is used again. */
  readonly #files = new Map<number, File>();
  readonly #names: Names = new Map();
  #renamings: Renaming[] = [];
  /** Syncs under way, by thread: what was written before they began. */
  readonly #syncs = new Map<number, () => void>();

  /** Takes a call into account. */
  apply(event: Event): void {
    const { type, thread, inode, name } = event;
    if (type === 'W') this.#file(inode).pending.push({ ...event, ended: false });
    else if (type === 'w') this.#written(event);
    else if (type === 'F') this.#syncs.set(thread, this.#syncOf(this.#file(inode)));
    else if (type === 'D') this.#syncs.set(thread, this.#syncOfNames());
    else if (type === 'f' || type === 'd') this.#syncs.get(thread)?.();
    else if (type === 'L') this.#link(name, this.#file(inode), event.data.toString());
    else if (type === 'C') this.#link(name, this.#newFile(inode), '');
    else if (type === 'U') this.#unlink(name);
    else if (type === 'T') throw new Error(`${name} was truncated: the model of the disk knows no truncation.`);
  }

  /** The process was killed. `files`: what the directory holds now, by name, which the next process goes on with. */
  restart(files: ReadonlyMap<string, { readonly inode: number; readonly content: Buffer }>): void {
    this.#syncs.clear();
    for (const file of this.#files.values()) file.pending = file.pending.filter(({ ended }) => ended);
    for (const name of this.#visible().keys()) if (!files.has(name)) this.#unlink(name);
    for (const [name, { inode, content }] of files) {
      const file = this.#file(inode);
      if (this.#visible().get(name) !== file) this.#link(name, file, '');
      file.reconcile(content);
    }
  }

  /** Whether anything is not durable: else all cuts are the same. */
  get unsynced(): boolean {
    return this.#renamings.length > 0 || [...this.#names.values()].some(({ pending }) => pending.length > 0);
  }

  /** The files that a power cut may leave, by name. */
  state(cut: Cut, random: Random): Map<string, Buffer> {
    const names = new Map(this.#names);
    const some = cut !== 'none' && cut !== 'all';
    for (const rename of this.#renamings) if (cut === 'all' || (some && random.chance(0.5))) rename(names);
    return new Map([...names].map(([name, file]) => [name, file.image(cut, random)]));
  }

  #newFile(inode: number): File {
    const file = new File();
    this.#files.set(inode, file);
    return file;
  }

  #file(inode: number): File {
    return this.#files.get(inode) ?? this.#newFile(inode);
  }

  #written({ inode, offset, thread }: Event): void {
    const file = this.#file(inode);
    const write = file.pending.find((one) => one.thread === thread && one.offset === offset && !one.ended);
    if (write === undefined) throw new Error('The recording ends a write that it did not begin.');
    write.ended = true;
    if (write.synced) file.settle(new Set([write]));
  }

  #syncOf(file: File): () => void {
    const before = new Set(file.pending.filter(({ ended }) => ended));
    return () => file.settle(before);
  }

  #syncOfNames(): () => void {
    const before = new Set(this.#renamings);
    return () => {
      for (const rename of before) if (this.#renamings.includes(rename)) rename(this.#names);
      this.#renamings = this.#renamings.filter((rename) => !before.has(rename));
    };
  }

  /** Names as processes see them. */
  #visible(): Names {
    const names = new Map(this.#names);
    for (const rename of this.#renamings) rename(names);
    return names;
  }

  #link(name: string, file: File, gone: string): void {
    this.#renamings.push((names) => {
      names.delete(gone);
      names.set(name, file);
    });
  }

  #unlink(name: string): void {
    this.#renamings.push((names) => void names.delete(name));
  }
}
