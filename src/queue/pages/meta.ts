/**
 * The two meta pages of an LMDB file, and which snapshot LMDB will use. Pure.
 *
 * ```
 * meta      page header (24) | u32 magic | u32 version | u64 address | u64 map size | tree of the free list | main tree
 *           | u64 last page | u64 transaction | i64 boot id          the pad of the free list's tree is the page size
 * ```
 * What LMDB does with them, in lmdb 3.5.6 opened with `overlappingSync: false` (`mdb.c`):
 *
 * - `mdb_env_read_header` verifies magic, version and kind of page 0 only, and finds the other meta page at the page size
 *   that page 0 tells. The third copy in the middle of page 0 belongs to `overlappingSync` and is not read.
 * - `mdb_pick_meta` takes the one with the higher transaction, page 0 when they are equal. `safeRestore` and the boot id
 *   matter only with `MDB_PREVSNAPSHOT`, which lmdb sets with `overlappingSync` alone: here they change nothing.
 * - `mdb_txn_renew0` then takes, of that, only the transaction's number N, and reads page N % 2 (`mdb_env_write_meta` wrote
 *   it there). A number of the wrong parity would make it use the other snapshot under this one's number.
 *
 * So both pages have to be sound: one that is not hides the newest commit, or becomes the newest by accident.
 */

import { PAGE_BYTES } from '../room.js';
import { META, readTree, readU64, type TreeRecord } from './page.js';

export const MAGIC = 0xbeefc0de;
export const VERSION = 2;
/**
 * Flags of an environment that lmdb may have written into the free list's record: integer keys (always), one file without
 * a directory, safe restore. With any other LMDB reads the file in another way, or not at all.
 */
const INTEGER_KEYS = 0x08;
const FLAGS = 0x4000 | 0x0800 | INTEGER_KEYS;
/** What lmdb writes there in a file of ours. */
export const EMPTY_TREE_FLAGS = FLAGS;

/** Why a file is none that LMDB may be given. */
export type FileFault =
  | 'not_a_file'
  | 'unreadable'
  | 'empty'
  | 'foreign'
  | 'other_version'
  | 'cut_short'
  | 'too_large'
  | 'damaged'
  | 'changing';

export interface Refusal {
  readonly ok: false;
  readonly fault: FileFault;
  /** For a person, as the end of a sentence: "it is cut short". */
  readonly reason: string;
  /** The damaged page. */
  readonly page?: number;
}

/**
 * The root of a main tree, and what it must bear: each commit writes it anew. That tells whether a meta page was given another number.
 */
export interface MarkedRoot {
  readonly page: number;
  /** Whether a page of this transaction can stand there. */
  readonly allows: (transaction: number) => boolean;
}

/** A compacting copy marks all its pages with this, whatever commit it is of. */
const COPIED = 1;

/** The state of the file after one commit: what LMDB will show. */
export interface Meta {
  readonly transaction: number;
  readonly lastPage: number;
  readonly free: TreeRecord;
  readonly main: TreeRecord;
  readonly roots: readonly MarkedRoot[];
}

const hasMagic = (page: Buffer): boolean => page.length >= 28 && page.readUInt32LE(24) === MAGIC;

function refuse(fault: FileFault, reason: string, page?: number): Refusal {
  return page === undefined ? { ok: false, fault, reason } : { ok: false, fault, reason, page };
}

/** The fault of one meta page whose magic is right, if any. */
function metaFault(page: Buffer, number: number): string | undefined {
  if (readU64(page, 0) !== number || page.readUInt16LE(18) !== META) return 'has a damaged header';
  if ((page.readUInt32LE(28) & 0xffff) !== VERSION) return 'has another version';
  if (page.readUInt32LE(48) !== PAGE_BYTES) return 'tells another page size';
  const { flags } = readTree(page, 48);
  if ((flags & ~FLAGS) !== 0 || (flags & INTEGER_KEYS) === 0) return 'has unknown flags';
  // Page 1 begins with transaction 0, of which there is nothing yet.
  const transaction = readU64(page, 152);
  if (transaction !== 0 && transaction % 2 !== number) return 'has a transaction that belongs on the other one';
  return undefined;
}

/** A file of another kind is told from a damaged one by what both its meta pages agree on. */
function foreign(even: Buffer, odd: Buffer): Refusal | undefined {
  const agree = (at: number): boolean => even.readUInt32LE(at) === odd.readUInt32LE(at);
  if (!hasMagic(even) && !hasMagic(odd)) return refuse('foreign', 'it is no LMDB file');
  if (agree(28) && (even.readUInt32LE(28) & 0xffff) !== VERSION) {
    return refuse('other_version', 'it is an LMDB file of another version');
  }
  if (agree(48) && even.readUInt32LE(48) !== PAGE_BYTES) return refuse('other_version', 'its pages are not 4 KiB');
  return undefined;
}

type Commit = Omit<Meta, 'roots'>;

const readMeta = (page: Buffer): Commit => ({
  transaction: readU64(page, 152),
  lastPage: readU64(page, 144),
  free: readTree(page, 48),
  main: readTree(page, 96),
});

function rootsOf(newest: Commit, older: Commit, afterFailure: boolean): MarkedRoot[] {
  const roots: MarkedRoot[] = [];
  const add = (page: number | undefined, allows: MarkedRoot['allows']): void => {
    if (page !== undefined) roots.push({ page, allows });
  };
  // Without a commit before it, the newest is the first one, or that of a copy.
  const expected = older.transaction === 0 ? COPIED : newest.transaction;
  add(newest.main.root, (transaction) => transaction === expected);
  // The page of the older root may have been written over already by a commit that a power cut took back, the second after
  // it. But the one directly after the newest never writes there: then the older meta page is the newest, renumbered.
  // LMDB itself renumbers it when it could not write it whole: that commit was refused.
  if (older.transaction !== 0 && !afterFailure)
    add(older.main.root, (transaction) => transaction !== newest.transaction + 1);
  return roots;
}

/**
 * The snapshot that LMDB will use.
 * @param head the first two pages, or what there is of them @param size of the file in bytes
 * @param afterFailure whether the last write to the file is known to have failed
 */
export function pickMeta(head: Buffer, size: number, afterFailure = false): Meta | Refusal {
  if (size === 0) return refuse('empty', 'it is empty');
  if (head.length < 2 * PAGE_BYTES) {
    return hasMagic(head) ? refuse('cut_short', 'it is cut short') : refuse('foreign', 'it is no LMDB file');
  }
  const pages = [head.subarray(0, PAGE_BYTES), head.subarray(PAGE_BYTES)] as const;
  const other = foreign(...pages);
  if (other !== undefined) return other;
  for (const [number, page] of pages.entries()) {
    const fault = hasMagic(page) ? metaFault(page, number) : 'is none of LMDB';
    if (fault !== undefined) return refuse('damaged', `meta page ${number} ${fault}`, number);
  }
  const metas = pages.map(readMeta) as [Commit, Commit];
  const number = metas[0].transaction >= metas[1].transaction ? 0 : 1;
  const [newest, older] = number === 0 ? metas : [metas[1], metas[0]];
  // Commits write the two pages in turn. A file that was just made, or copied with compaction, has one without a commit.
  if (older.transaction !== newest.transaction - 1 && older.transaction !== 0) {
    return refuse('damaged', `meta page ${1 - number} does not hold the commit before the last`, 1 - number);
  }
  const meta = { ...newest, roots: rootsOf(newest, older, afterFailure) };
  if ((meta.lastPage + 1) * PAGE_BYTES > size) {
    return refuse('cut_short', `it is cut short: ${size} bytes of at least ${(meta.lastPage + 1) * PAGE_BYTES}`);
  }
  return meta;
}
