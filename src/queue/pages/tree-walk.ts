/**
 * Walks one tree of an LMDB file in the order of its keys, verifying each page before it is used.
 */

import { PAGE_BYTES } from '../room.js';
import {
  BRANCH,
  checkTreePage,
  childPage,
  countNodes,
  Damage,
  keyEnd,
  keyStart,
  LEAF,
  nodeAt,
  pageTransaction,
  readU64,
  type TreeRecord,
} from './page.js';
import type { PageFile } from './page-file.js';
import type { PageSet } from './page-set.js';

/** LMDB's cursors hold at most so many pages. */
const MAX_DEPTH = 32;

/** A node, as a bound: its key. */
export interface KeyAt {
  readonly page: Buffer;
  readonly node: number;
}

/** How the keys of a tree are ordered. */
export interface KeyOrder {
  /** Length of every key, if it is known. */
  readonly keyBytes?: number;
  compare(a: Buffer, aStart: number, aEnd: number, b: Buffer, bStart: number, bEnd: number): number;
}

/** Keys in the order of their bytes, a shorter one before those it begins (`mdb_cmp_memn`). */
export const byBytes: KeyOrder = {
  compare(a, aStart, aEnd, b, bStart, bEnd) {
    const length = Math.min(aEnd - aStart, bEnd - bStart);
    for (let i = 0; i < length; i++) {
      const difference = (a[aStart + i] as number) - (b[bStart + i] as number);
      if (difference !== 0) return difference;
    }
    return aEnd - aStart - (bEnd - bStart);
  },
};

/** Keys of so many bytes in the order of their bytes. */
export const byBytesOf = (keyBytes: number): KeyOrder => ({ ...byBytes, keyBytes });

/** Keys that are u64 (`mdb_cmp_long`): those of the free list. */
export const byNumber: KeyOrder = {
  keyBytes: 8,
  compare: (a, aStart, _aEnd, b, bStart) => readU64(a, aStart) - readU64(b, bStart),
};

export interface WalkedTree {
  readonly file: PageFile;
  readonly record: TreeRecord;
  readonly order: KeyOrder;
  readonly lastPage: number;
  /** The transaction of what points to the tree's root. */
  readonly newest: number;
}

/** A verified leaf; its bytes are gone when the next one is asked for. */
export interface Leaf {
  readonly page: Buffer;
  readonly number: number;
}

/**
 * The leaves of a tree in order, each with all that is above it verified; at the end, that the tree is what its record says.
 * @param seen takes the pages of the tree; one that is in it already is damage
 * @throws Damage
 */
export function* leavesOf(tree: WalkedTree, seen: PageSet): Generator<Leaf> {
  const walk = new TreeWalk(tree, seen);
  yield* walk.leaves();
  walk.finish();
}

/** The leaves that may hold keys from `from` on. What comes before is not read; the totals are not verified. @throws Damage */
export function* leavesFrom(tree: WalkedTree, from: Buffer): Generator<Leaf> {
  yield* new TreeWalk(tree, undefined, from).leaves();
}

class TreeWalk {
  readonly #pages: Buffer[] = [];
  #branches = 0;
  #leaves = 0;
  #entries = 0;

  constructor(
    readonly tree: WalkedTree,
    readonly seen?: PageSet,
    readonly from?: Buffer,
  ) {}

  *leaves(): Generator<Leaf> {
    const { depth, root } = this.tree.record;
    if (root === undefined) return;
    if (depth < 1 || depth > MAX_DEPTH) throw new Damage('has a tree of an impossible depth', root);
    for (let level = 0; level < depth; level++) this.#pages.push(Buffer.allocUnsafeSlow(PAGE_BYTES));
    yield* this.#descend(root, 0, this.tree.newest);
  }

  finish(): void {
    const { depth, branchPages, leafPages, entries, root } = this.tree.record;
    const sound =
      branchPages === this.#branches &&
      leafPages === this.#leaves &&
      entries === this.#entries &&
      (root !== undefined || depth === 0);
    if (!sound) throw new Damage('begins a tree that holds other than its record says', root);
  }

  *#descend(number: number, level: number, newest: number, low?: KeyAt, high?: KeyAt): Generator<Leaf> {
    const page = this.#pages[level] as Buffer;
    const isLeaf = level === this.#pages.length - 1;
    this.#read(page, number, isLeaf ? LEAF : BRANCH, newest);
    this.#checkKeys(page, number, isLeaf ? 0 : 1, low, high);
    if (isLeaf) {
      this.#leaves++;
      this.#entries += countNodes(page);
      yield { page, number };
      return;
    }
    this.#branches++;
    const count = countNodes(page);
    for (let i = 0; i < count; i++) {
      const below = i === 0 ? low : { page, node: nodeAt(page, i) };
      const above = i === count - 1 ? high : { page, node: nodeAt(page, i + 1) };
      if (this.from !== undefined && above !== undefined && this.#compare(above, this.from) <= 0) continue;
      yield* this.#descend(childPage(page, nodeAt(page, i)), level + 1, pageTransaction(page), below, above);
    }
  }

  #read(page: Buffer, number: number, flags: number, newest: number): void {
    const { file, lastPage } = this.tree;
    if (number < 2 || number > lastPage) throw new Damage('lies beyond the end of the data', number);
    if (this.seen?.add(number, 1) !== undefined) throw new Damage('is used twice', number);
    file.read(page, number);
    checkTreePage(page, number, flags, newest);
  }

  #checkKeys(page: Buffer, number: number, firstNode: number, low?: KeyAt, high?: KeyAt): void {
    const { order } = this.tree;
    const count = countNodes(page);
    let before = low;
    for (let i = firstNode; i < count; i++) {
      const node = nodeAt(page, i);
      const start = keyStart(node);
      const end = keyEnd(page, node);
      if (order.keyBytes !== undefined && end - start !== order.keyBytes) throw new Damage('has a damaged key', number);
      if (before !== undefined) {
        const step = order.compare(
          before.page,
          keyStart(before.node),
          keyEnd(before.page, before.node),
          page,
          start,
          end,
        );
        // Only the bound from above may be equal: it is the first key behind it, or lies below.
        if (step > 0 || (step === 0 && before !== low)) throw new Damage('has keys out of order', number);
      }
      before = { page, node };
    }
    if (before === undefined || high === undefined) return;
    const { page: last, node } = before;
    const step = order.compare(
      last,
      keyStart(node),
      keyEnd(last, node),
      high.page,
      keyStart(high.node),
      keyEnd(high.page, high.node),
    );
    if (step >= 0) throw new Damage('has keys out of order', number);
  }

  #compare(at: KeyAt, key: Buffer): number {
    return this.tree.order.compare(at.page, keyStart(at.node), keyEnd(at.page, at.node), key, 0, key.length);
  }
}
