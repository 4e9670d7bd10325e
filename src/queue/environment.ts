/**
 * One LMDB environment with our tables in it. The only file that imports lmdb: everything that is lmdb's own is met here.
 *
 * Facts about lmdb 3.5.6 that this file rests on (read in its sources and tried):
 * - `overlappingSync`, on by default, acknowledges a snapshot that is not on disk yet; off, `batch()` resolves after the
 *   meta page was written through a descriptor that syncs each write, which is after the data was synced.
 * - With `eventTurnBatching` a failed commit leaves a rejected promise that nobody can handle.
 * - `put` does not copy: the buffer must be fresh and never be touched again. `getBinaryFast` lends a shared buffer.
 * - The map is enlarged silently when it fills: `mapSize` is no limit (see room.ts).
 * - After a failed meta write every later write hangs: hence the deadline, and no second try in the same process.
 */
import { existsSync, linkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Database, open, type RootDatabase, type Transaction } from 'lmdb';
import { messageOf, RoteraError } from '../errors.js';
import { checkAddressSpace } from './address-space.js';
import { fromDisk } from './disk.js';
import { checkHandles } from './handles.js';
import { temporaryPath } from './leftovers.js';
import { PAGE_BYTES } from './room.js';

/** Size of LMDB's lock file for 126 readers. Written with real bytes before LMDB maps it: on a full disk it would be SIGBUS. */
const LOCK_FILE_BYTES = 8272;

const TABLES = ['blocks', 'meta', 'cursors', 'producers'] as const;
export type Table = (typeof TABLES)[number];

/** A value to store, or a key to remove. */
export type Entry =
  | { readonly table: Table; readonly key: Buffer; readonly value: Buffer }
  | { readonly table: Table; readonly key: Buffer; readonly value: null };

/** A range of keys: from `start` on, upwards or downwards. */
export interface KeyRange {
  readonly start?: Buffer;
  /** Exclusive. */
  readonly end?: Buffer;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface EnvironmentOptions {
  readonly readOnly?: boolean;
}

/**
 * Address space to map for a file of so many bytes: lmdb keeps the old map each time it has to enlarge one, so there is room to
 * grow; and it ends the process when it gets none, so it is not as much as the file may ever have.
 */
export const mapBytes = (bytes: number): number => Math.ceil(Math.max(bytes * 1.25, 1024 ** 3) / 65_536) * 65_536;

/** What lmdb's typings leave out: that a value can be read under a snapshot. */
interface Values extends Database<Buffer, Buffer> {
  getBinary(key: Buffer, snapshot?: Snapshot): Buffer | undefined;
  getBinaryFast(key: Buffer, snapshot?: Snapshot): Buffer | undefined;
}

interface Snapshot {
  readonly transaction: Transaction;
}

/** The transactions that readers see, out of LMDB's table of them: process, thread, transaction or `-`. */
const snapshotsOf = (readers: string): number[] =>
  [...readers.matchAll(/^ *\d+ [0-9a-f]+ (\d+)$/gm)].map(([, transaction]) => Number(transaction));

const ignore = (): void => undefined;

/** What stays goes at the next start (leftovers.ts): the lock file is there, and the file can be opened. */
function removeNow(temporary: string): void {
  try {
    rmSync(temporary, { force: true });
  } catch {}
}

/**
 * Makes the lock file of a rot file when there is none. Whole, and under another name first: a program that opens the file in the same
 * moment must find it complete or not at all. What is written over one that LMDB uses already takes its locks and its transaction
 * number from it, and with them the file.
 */
function makeLockFile(path: string, readOnly: boolean): void {
  const lockFile = `${path}-lock`;
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
    removeNow(temporary);
  }
}

/** An open environment. */
export class Environment {
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #tables: Readonly<Record<Table, Values>>;
  /** While a commit is under way: what reads see, so that they never run ahead of its answer. */
  #snapshot: Snapshot | undefined;
  /** Resolves when no commit is under way. */
  #settled: Promise<void> | undefined;

  private constructor(root: RootDatabase<Buffer, Buffer>) {
    this.#root = root;
    const table = (name: Table): Values => root.openDB({ name, encoding: 'binary', keyEncoding: 'binary' });
    this.#tables = {
      blocks: table('blocks'),
      meta: table('meta'),
      cursors: table('cursors'),
      producers: table('producers'),
    };
  }

  /** Opens a file that was probed, or makes a new one. @throws `overloaded` without file handles or address space, what lmdb throws */
  static open(path: string, { readOnly = false }: EnvironmentOptions = {}): Environment {
    checkHandles(dirname(path));
    const mapSize = mapBytes(statSync(path, { throwIfNoEntry: false })?.size ?? 0);
    checkAddressSpace(mapSize);
    makeLockFile(path, readOnly);
    const options = {
      path,
      noSubdir: true,
      encoding: 'binary' as const,
      keyEncoding: 'binary' as const,
      overlappingSync: false,
      eventTurnBatching: false,
      txnStartThreshold: 1,
      // Never in the middle of a batch: see #write.
      batchStartThreshold: Number.MAX_SAFE_INTEGER,
      safeRestore: true,
      pageSize: PAGE_BYTES,
      mapSize,
      maxReaders: 126,
      maxDbs: 8,
      permissionsMode: 0o640,
      readOnly,
    };
    const root = open<Buffer, Buffer>(options as Parameters<typeof open>[0]) as RootDatabase<Buffer, Buffer>;
    try {
      return new Environment(root);
    } catch (error) {
      void root.close();
      throw error;
    }
  }

  /** The value under a key, as a buffer of its own. */
  get(table: Table, key: Buffer): Buffer | undefined {
    return this.#tables[table].getBinary(key, this.#snapshot);
  }

  /** The value under a key, as a view that is valid until the next read. */
  borrow(table: Table, key: Buffer): Buffer | undefined {
    const lent = this.#tables[table].getBinaryFast(key, this.#snapshot);
    // lmdb lends one large buffer and sets only its length: a view is the way to see no more than the value.
    return lent === undefined ? undefined : lent.subarray(0, lent.length);
  }

  /** Keys in order, collected: no snapshot stays open behind them. */
  keys(table: Table, range: KeyRange): Buffer[] {
    return [...this.#tables[table].getKeys({ ...range, ...this.#snapshot })];
  }

  /** Entries in order, collected. */
  entries(table: Table): Array<{ key: Buffer; value: Buffer }> {
    return [...this.#tables[table].getRange({ ...this.#snapshot })].map(({ key, value }) => ({ key, value }));
  }

  /** Not while a commit is under way. */
  count(table: Table): number {
    return (this.#tables[table].getStats() as { entryCount: number }).entryCount;
  }

  /**
   * The last page ever written, the newest snapshot, how many pages it uses, and how many of them are for blocks. Not while a commit
   * is under way.
   */
  measure(): { lastPage: number; newest: number; usedPages: number; blockPages: number } {
    interface Tree {
      treeBranchPageCount: number;
      treeLeafPageCount: number;
      overflowPages: number;
    }
    const pages = (tree: Tree): number => tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages;
    const root = this.#root.getStats() as unknown as {
      root: Tree;
      free: Tree;
      lastPageNumber: number;
      lastTxnId: number;
    };
    const META_PAGES = 2;
    const tablePages = (table: Table): number => pages(this.#tables[table].getStats() as unknown as Tree);
    let usedPages = META_PAGES + pages(root.root) + pages(root.free);
    for (const table of TABLES) usedPages += tablePages(table);
    const blockPages = tablePages('blocks');
    return { lastPage: root.lastPageNumber, newest: root.lastTxnId, usedPages, blockPages };
  }

  /**
   * Writes everything, at least one entry, as one transaction. Durable on return; resolves to how long the disk took, in ms.
   * Until then, reads see what was before it.
   * @throws `overloaded` when too many programs read the file: nothing has changed. `commit_timeout` when the disk does not answer
   * in time: the outcome is unknown; `queue_read_only` when the write failed. After either of these it must not be written again.
   */
  commit(entries: readonly Entry[]): Promise<number> {
    const committed = this.#commit(entries);
    this.#settled = committed.then(ignore, ignore);
    return committed;
  }

  async #commit(entries: readonly Entry[]): Promise<number> {
    const began = performance.now();
    const transaction = this.#newestSnapshot();
    this.#snapshot = { transaction };
    const written = this.#write(entries);
    try {
      await fromDisk(written);
    } catch (cause) {
      // lmdb leaves this promise without a handler when a commit fails; a late answer after the deadline tells nobody.
      (cause as { commitError?: Promise<unknown> }).commitError?.catch(() => undefined);
      written.catch((late: { commitError?: Promise<unknown> }) => late.commitError?.catch(() => undefined));
      if (cause instanceof RoteraError) throw cause;
      const text = `A write to the rot file failed (${messageOf(cause)}).`;
      throw new RoteraError('queue_read_only', text, {}, { cause });
    } finally {
      this.#snapshot = undefined;
      // Reads from here on see what was just committed.
      this.#root.resetReadTxn();
      transaction.done();
    }
    return performance.now() - began;
  }

  #newestSnapshot(): Transaction {
    try {
      return this.#root.useReadTransaction();
    } catch (cause) {
      // LMDB has a fixed number of places for readers.
      throw new RoteraError('overloaded', `Too many programs read this rot file (${messageOf(cause)}).`, {}, { cause });
    }
  }

  #write(entries: readonly Entry[]): Promise<boolean> {
    // All but the last: bracketed, and taken by nobody before the transaction is started. lmdb starts it when the event loop comes
    // round, behind whatever has arrived meanwhile; or at once with a further write, when more than `txnStartThreshold` wait.
    const written = this.#root.batch(() => {
      for (const entry of entries.slice(0, -1)) this.#writeOne(entry);
    });
    this.#writeOne(entries.at(-1) as Entry);
    return written;
  }

  #writeOne({ table, key, value }: Entry): void {
    if (value === null) void this.#tables[table].remove(key);
    else void this.#tables[table].put(key, value);
  }

  /** Ends the snapshot that the last reads used, so that it holds no pages. */
  release(): void {
    this.#root.resetReadTxn();
  }

  /**
   * How many commits the oldest snapshot that any process reads lies behind the newest one: what these gave back cannot be used
   * again yet. A process that died holds none.
   * @param newest as measured
   */
  readersLag(newest: number): number {
    const lag = (): number => newest - Math.min(newest, ...snapshotsOf(this.#root.readerList()));
    if (lag() === 0) return 0;
    this.#root.readerCheck();
    return lag();
  }

  /** Waits for the commit in flight, if any. */
  async close(): Promise<void> {
    await this.#settled;
    await this.#root.close();
  }
}
