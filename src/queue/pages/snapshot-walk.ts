/**
 * One walk over all pages of a snapshot that are not data: see walk.ts.
 */
import { freeRuns, wordsOf } from './free-list.js';
import type { Meta, Refusal } from './meta.js';
import {
  BIG,
  checkRun,
  countNodes,
  Damage,
  dataBytes,
  isHeaderOf,
  keyEnd,
  keyStart,
  nodeAt,
  nodeFlags,
  PAGE_HEADER_BYTES,
  pageTransaction,
  readRun,
  readTree,
  readU64,
  TREE,
  type TreeRecord,
} from './page.js';
import type { PageFile } from './page-file.js';
import { PageSet } from './page-set.js';
import { byBytes, byBytesOf, byNumber, type KeyOrder, type Leaf, leavesOf } from './tree-walk.js';

/** What every rot file has, and how the keys are ordered. */
export const DATABASES: ReadonlyMap<string, KeyOrder> = new Map([
  ['blocks', byBytesOf(10)],
  ['meta', byBytes],
]);
/** Largest file that is walked: 16 TiB, for which the set of its pages takes 512 MiB. */
const MAX_PAGES = 2 ** 32;
/** What a sound file holds. */
export interface Snapshot {
  /** The newest commit. */
  readonly transaction: number;
  /** Number of the last page that was ever used. */
  readonly lastPage: number;
  /** Databases by name, with their number of entries. */
  readonly entries: Readonly<Record<string, number>>;
  /** Pages of trees, of values that have pages of their own, free ones, and those that belong to nothing. */
  readonly pages: { readonly trees: number; readonly values: number; readonly free: number; readonly leaked: number };
}

export type Walk = { readonly ok: true; readonly snapshot: Snapshot } | Refusal;

interface NamedTree {
  readonly name: string;
  readonly record: TreeRecord;
  /** Number and transaction of the leaf that holds the record. */
  readonly page: number;
  readonly newest: number;
}

interface Tree {
  readonly record: TreeRecord;
  /** Transaction of what points to it. */
  readonly newest: number;
  readonly order: KeyOrder;
  /** Whether the headers of values that have pages of their own are left unread. */
  readonly trustHeaders?: boolean;
}

/** One walk. */
export class SnapshotWalk {
  /** All pages that are used or free: none may be so twice. */
  readonly #seen = new PageSet();
  readonly #header = Buffer.alloc(PAGE_HEADER_BYTES);
  #values = 0;
  #free = 0;

  constructor(
    readonly file: PageFile,
    readonly meta: Meta,
    readonly thorough: boolean,
  ) {}

  /** @throws Damage */
  walk(): Walk {
    const { meta } = this;
    if (meta.lastPage >= MAX_PAGES) return { ok: false, fault: 'too_large', reason: 'it is larger than 16 TiB' };
    const named = this.#walkMain();
    const names = new Set(named.map(({ name }) => name));
    for (const name of DATABASES.keys()) {
      if (!names.has(name)) return { ok: false, fault: 'foreign', reason: 'it is an LMDB file of another program' };
    }
    for (const { name, record, page, newest } of named) {
      if (name === '' || record.flags !== 0) throw new Damage('holds a damaged record of a database', page);
      const order = DATABASES.get(name) ?? byBytes;
      const trustHeaders = name === 'blocks' && !this.thorough;
      this.#walkTree({ record, newest, order, trustHeaders }, (leaf, node) => this.#checkPlain(leaf, node));
    }
    const free = { record: meta.free, newest: meta.transaction, order: byNumber };
    this.#walkTree(free, (leaf, node) => this.#checkFreeList(leaf, node));
    return { ok: true, snapshot: this.#snapshot(named) };
  }

  #snapshot(named: readonly NamedTree[]): Snapshot {
    const { transaction, lastPage } = this.meta;
    const used = this.#seen.size;
    return {
      transaction,
      lastPage,
      entries: Object.fromEntries(named.map(({ name, record }) => [name, record.entries])),
      pages: {
        trees: used - this.#values - this.#free,
        values: this.#values,
        free: this.#free,
        leaked: lastPage - 1 - used,
      },
    };
  }

  /** The databases. One that is none is of another program, or damage: it is kept under the name ''. */
  #walkMain(): NamedTree[] {
    const { main, roots, transaction } = this.meta;
    const named: NamedTree[] = [];
    for (const { page, allows } of roots) {
      this.file.read(this.#header, page);
      // One meta page was given another number: then LMDB would take back a commit.
      if (!allows(pageTransaction(this.#header))) throw new Damage('is of another commit', page);
    }
    this.#walkTree({ record: main, newest: transaction, order: byBytes }, ({ page, number }, node) => {
      const start = keyStart(node);
      const end = keyEnd(page, node);
      const isTree = nodeFlags(page, node) === TREE && page[end - 1] === 0;
      const name = isTree ? page.toString('latin1', start, end - 1) : '';
      named.push({ name, record: readTree(page, end), page: number, newest: pageTransaction(page) });
    });
    return named;
  }

  #walkTree({ record, newest, order, trustHeaders = false }: Tree, visit: (leaf: Leaf, node: number) => void): void {
    const { file, meta } = this;
    const before = this.#values;
    for (const leaf of leavesOf({ file, record, order, lastPage: meta.lastPage, newest }, this.#seen)) {
      const count = countNodes(leaf.page);
      for (let i = 0; i < count; i++) {
        const node = nodeAt(leaf.page, i);
        if (nodeFlags(leaf.page, node) === BIG) this.#checkRun(leaf, node, trustHeaders);
        visit(leaf, node);
      }
    }
    if (record.overflowPages !== this.#values - before) {
      throw new Damage('begins a tree that holds other than its record says', record.root);
    }
  }

  #checkRun({ page, number }: Leaf, node: number, trustHeader: boolean): void {
    const run = readRun(page, node);
    checkRun(run, dataBytes(page, node), this.meta.lastPage, pageTransaction(page), number);
    const twice = this.#seen.add(run.first, run.pages);
    if (twice !== undefined) throw new Damage('is used twice', twice);
    this.#values += run.pages;
    if (trustHeader) return;
    this.file.read(this.#header, run.first);
    if (!isHeaderOf(this.#header, run, this.meta.transaction)) throw new Damage('has a damaged header', run.first);
  }

  /** No database of a rot file holds another. */
  #checkPlain({ page, number }: Leaf, node: number): void {
    if (nodeFlags(page, node) === TREE) throw new Damage('holds an entry of the wrong kind', number);
  }

  #checkFreeList(leaf: Leaf, node: number): void {
    const { page, number } = leaf;
    this.#checkPlain(leaf, node);
    const commit = readU64(page, keyStart(node));
    if (commit === 0 || commit > this.meta.transaction) throw new Damage('has a damaged key', number);
    for (const { first, count } of freeRuns(wordsOf(this.file, leaf, node), dataBytes(page, node), number)) {
      if (first < 2 || first + count - 1 > this.meta.lastPage) {
        throw new Damage('holds a list of free pages that cannot be', number);
      }
      const twice = this.#seen.add(first, count);
      if (twice !== undefined) throw new Damage('is free and in use, or free twice', twice);
      this.#free += count;
    }
  }
}
