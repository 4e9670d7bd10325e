/**
 * An LMDB file after its first commit. LMDB makes such a file by itself, but dies when the disk fills while it does, and makes
 * each table with two syncs on the thread that opens it: its first pages are written by us. Pure.
 */
import { PAGE_BYTES } from '../room.js';
import { EMPTY_TREE_FLAGS, MAGIC, VERSION } from './meta.js';
import { LEAF, META, NODE_HEADER_BYTES, PAGE_HEADER_BYTES, PLAIN, TREE, TREE_BYTES } from './page.js';

const FIRST_COMMIT = 1;
const MAIN_ROOT = 2;

/** A key of a new table, and a value that fits into a leaf. */
export interface FirstEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

interface Node extends FirstEntry {
  readonly flags: number;
}

/** The record of a tree: with nothing in it, or with all its entries on one page. */
function tree(entries: number, root: number): Buffer {
  const record = Buffer.alloc(TREE_BYTES);
  if (entries > 0) {
    record.writeUInt16LE(1, 6);
    record.writeBigUInt64LE(1n, 16);
    record.writeBigUInt64LE(BigInt(entries), 32);
  }
  record.writeBigInt64LE(entries > 0 ? BigInt(root) : -1n, 40);
  return record;
}

function page(number: number, flags: number): Buffer {
  const bytes = Buffer.alloc(PAGE_BYTES);
  bytes.writeUInt32LE(number, 0);
  bytes.writeUInt16LE(flags, 18);
  return bytes;
}

/** A leaf: the first node stands at its end. */
function leaf(number: number, nodes: readonly Node[]): Buffer {
  const bytes = page(number, LEAF);
  let upper = PAGE_BYTES;
  for (const [index, { key, value, flags }] of nodes.entries()) {
    const size = NODE_HEADER_BYTES + key.length + value.length;
    upper -= size + (size & 1);
    if (upper < PAGE_HEADER_BYTES + 2 * nodes.length)
      throw new RangeError('The first entries of a table do not fit into a page.');
    bytes.writeUInt32LE(value.length, upper);
    bytes.writeUInt16LE(flags, upper + 4);
    bytes.writeUInt16LE(key.length, upper + 6);
    key.copy(bytes, upper + NODE_HEADER_BYTES);
    value.copy(bytes, upper + NODE_HEADER_BYTES + key.length);
    bytes.writeUInt16LE(upper - PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + 2 * index);
  }
  bytes.writeUInt32LE(FIRST_COMMIT, 8);
  bytes.writeUInt16LE(2 * nodes.length, 20);
  bytes.writeUInt16LE(upper - PAGE_HEADER_BYTES, 22);
  return bytes;
}

function meta(commit: 0 | typeof FIRST_COMMIT, mapBytes: number, main: Buffer, lastPage: number): Buffer {
  const bytes = page(commit, META);
  bytes.writeUInt32LE(MAGIC, 24);
  bytes.writeUInt32LE(VERSION, 28);
  bytes.writeBigUInt64LE(BigInt(mapBytes), 40);
  tree(0, 0).copy(bytes, 48);
  // The record of the free list tells the size of a page, and how the file is used.
  bytes.writeUInt32LE(PAGE_BYTES, 48);
  bytes.writeUInt16LE(EMPTY_TREE_FLAGS, 52);
  main.copy(bytes, 96);
  bytes.writeUInt32LE(lastPage, 144);
  bytes.writeUInt32LE(commit, 152);
  return bytes;
}

const inOrder = <T extends { readonly key: Buffer }>(nodes: readonly T[]): T[] =>
  [...nodes].sort((a, b) => Buffer.compare(a.key, b.key));

/**
 * A meta page that tells of no commit, as `mdb_env_init_meta` writes it, one that tells of the first, and the pages of that.
 * @param mapBytes size of the map @param tables by name: together the entries of one have to fit into a page
 */
export function newFile(mapBytes: number, tables: Readonly<Record<string, readonly FirstEntry[]>>): Buffer {
  const leaves: Buffer[] = [];
  const roots = Object.entries(tables).map(([name, entries]): Node => {
    const root = MAIN_ROOT + leaves.length + 1;
    const nodes = inOrder(entries).map((entry) => ({ ...entry, flags: PLAIN }));
    if (nodes.length > 0) leaves.push(leaf(root, nodes));
    return { key: Buffer.from(`${name}\0`), value: tree(nodes.length, root), flags: TREE };
  });
  return Buffer.concat([
    meta(0, mapBytes, tree(0, 0), MAIN_ROOT - 1),
    meta(FIRST_COMMIT, mapBytes, tree(roots.length, MAIN_ROOT), MAIN_ROOT + leaves.length),
    leaf(MAIN_ROOT, inOrder(roots)),
    ...leaves,
  ]);
}
