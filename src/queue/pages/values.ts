/**
 * What a database of an LMDB file holds, straight from the file: for checks of a file that lmdb shall not touch, and of what
 * lmdb is about to touch. Never throws for what the file holds.
 */
import type { Meta, Refusal } from './meta.js';
import {
  BIG,
  checkRun,
  countNodes,
  Damage,
  dataBytes,
  headerOf,
  isHeaderOf,
  keyEnd,
  keyStart,
  nodeAt,
  nodeFlags,
  PAGE_HEADER_BYTES,
  pageTransaction,
  type Run,
  readRun,
  readTree,
  TREE,
} from './page.js';
import { type FileRef, PageFile, refusalOf } from './page-file.js';
import { DATABASES } from './snapshot-walk.js';
import { byBytes, leavesFrom, type WalkedTree } from './tree-walk.js';

/** An entry of a database, as stored. Its bytes are the taker's to keep. */
export interface StoredEntry {
  readonly ok: true;
  readonly key: Buffer;
  /** Missing when it is longer than was asked for. */
  readonly value: Buffer | undefined;
}

/**
 * The entries of a database in the order of their keys; last a refusal if the structure is damaged from there on.
 * A file that is written to meanwhile may look damaged.
 * @param maxBytes longer values are not read
 */
export function* entriesOf(ref: FileRef, database: string, maxBytes: number): Generator<StoredEntry | Refusal> {
  const file = PageFile.open(ref);
  if (!(file instanceof PageFile)) return yield file;
  try {
    const meta = file.snapshot();
    if ('ok' in meta) return yield meta;
    for (const found of placesOf(file, meta, database)) {
      yield { ok: true, key: found.key, value: found.bytes > maxBytes ? undefined : valueAt(file, found) };
    }
  } catch (error) {
    yield refusalOf(error);
  } finally {
    file.close();
  }
}

/**
 * Restores what LMDB trusts when it removes or overwrites the entries from key `from` to key `to`, both included: the header
 * on the first page of each value. No read verifies it, and LMDB would free what a damaged one names: other pages, or ones
 * that are not there. All of it is known from the leaf, so it is written as it was; the value behind it stays as it is.
 * No commit may run meanwhile.
 * @param fd open for reading and writing
 * @returns the first pages of the values whose headers were restored, or what is damaged beyond that
 */
export function mendHeaders(fd: number, database: string, from: Buffer, to: Buffer): readonly number[] | Refusal {
  const file = PageFile.open(fd);
  if (!(file instanceof PageFile)) return file;
  const mended: number[] = [];
  try {
    const meta = file.snapshot();
    if ('ok' in meta) return meta;
    const header = Buffer.alloc(PAGE_HEADER_BYTES);
    for (const { key, run } of placesOf(file, meta, database, from)) {
      if (key.compare(to) > 0) break;
      if (run === undefined) continue;
      file.read(header, run.first);
      if (isHeaderOf(header, run, meta.transaction)) continue;
      file.write(headerOf(run), run.first);
      mended.push(run.first);
    }
    return mended;
  } catch (error) {
    return refusalOf(error);
  }
}

/** Where a value stands: in its leaf, or on pages of its own. */
interface Place {
  readonly key: Buffer;
  readonly bytes: number;
  /** In the leaf; a view that is gone with the next place. */
  readonly inLeaf: Buffer;
  readonly run: Run | undefined;
}

/** @throws Damage */
function* placesOf(file: PageFile, meta: Meta, database: string, from: Buffer = Buffer.alloc(0)): Generator<Place> {
  const tree = findDatabase(file, meta, database);
  for (const { page, number } of leavesFrom(tree, from)) {
    const count = countNodes(page);
    for (let i = 0; i < count; i++) {
      const node = nodeAt(page, i);
      const end = keyEnd(page, node);
      const key = Buffer.from(page.subarray(keyStart(node), end));
      if (key.compare(from) < 0) continue;
      const bytes = dataBytes(page, node);
      const run = nodeFlags(page, node) === BIG ? readRun(page, node) : undefined;
      if (run !== undefined) checkRun(run, bytes, meta.lastPage, pageTransaction(page), number);
      yield { key, bytes, inLeaf: page.subarray(end, run === undefined ? end + bytes : end), run };
    }
  }
}

/** @throws Damage */
function valueAt(file: PageFile, { bytes, inLeaf, run }: Place): Buffer {
  if (run === undefined) return Buffer.from(inLeaf);
  const value = Buffer.allocUnsafeSlow(bytes);
  file.readValue(value, run.first, 0);
  return value;
}

/** @throws Damage */
function findDatabase(file: PageFile, { main, lastPage, transaction }: Meta, database: string): WalkedTree {
  const name = Buffer.from(`${database}\0`, 'latin1');
  for (const { page } of leavesFrom({ file, record: main, order: byBytes, lastPage, newest: transaction }, name)) {
    const count = countNodes(page);
    for (let i = 0; i < count; i++) {
      const node = nodeAt(page, i);
      const end = keyEnd(page, node);
      if (nodeFlags(page, node) !== TREE || !name.equals(page.subarray(keyStart(node), end))) continue;
      const order = DATABASES.get(database) ?? byBytes;
      return { file, record: readTree(page, end), order, lastPage, newest: pageTransaction(page) };
    }
  }
  throw new Damage(`has no database ${database}`);
}
