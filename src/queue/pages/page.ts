/**
 * The layout of LMDB's pages, as the LMDB inside lmdb 3.5.6 reads and writes them (`mdb.c`; that version is pinned). Pure.
 *
 * ```
 * page      u64 page number | u64 transaction | u16 pad | u16 flags | u16 lower | u16 upper | offsets | free room | nodes
 * overflow  u64 page number | u64 transaction | u16 pad | u16 flags | u32 pages             | bytes of one value
 * node      u32 data size | u16 flags | u16 key size | key | data          (in a branch: u48 child page | u16 key size | key)
 * tree      u32 pad | u16 flags | u16 depth | u64 branches | u64 leaves | u64 overflow pages | u64 entries | u64 root
 * ```
 * `lower`, `upper` and the offsets count from behind the header (PAGEBASE). All numbers are little-endian.
 */
import { PAGE_BYTES, pagesOf } from '../room.js';

export const PAGE_HEADER_BYTES = 24;
/** Bytes of a page behind its header. */
const BODY_BYTES = PAGE_BYTES - PAGE_HEADER_BYTES;
export const NODE_HEADER_BYTES = 8;
/** LMDB's `me_nodemax`: a larger node could not be kept in a page with a second one, so its data goes to overflow pages. */
const MAX_NODE_BYTES = Math.floor(BODY_BYTES / 4) * 2 - 2;
/** What a node holds of a value on overflow pages: `u64 first page | u64 transaction | u64 pages` (MDB_ovpage). */
const RUN_BYTES = 24;
export const TREE_BYTES = 48;

/** Flags of pages: these are exact, since every other bit belongs to features or to memory, and would mislead LMDB. */
export const BRANCH = 0x01;
export const LEAF = 0x02;
const OVERFLOW = 0x04;
export const META = 0x08;
/** Flags of the nodes of a leaf. */
export const PLAIN = 0;
export const BIG = 0x01;
export const TREE = 0x02;

/** What is wrong, and with which page. Thrown and caught inside the engine: no caller of a walk ever sees it. */
export class Damage extends Error {
  constructor(
    message: string,
    readonly page?: number,
  ) {
    super(message);
  }
}

/** A u64 as a number: exact up to 2^53, and beyond that still larger than everything it is compared with. */
export const readU64 = (bytes: Buffer, at: number): number =>
  bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000;

/** What the record of a tree (MDB_db) says of it. */
export interface TreeRecord {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** Undefined when the tree is empty. */
  readonly root: number | undefined;
}

export function readTree(bytes: Buffer, at: number): TreeRecord {
  const empty = bytes.readUInt32LE(at + 40) === 0xffff_ffff && bytes.readUInt32LE(at + 44) === 0xffff_ffff;
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: readU64(bytes, at + 8),
    leafPages: readU64(bytes, at + 16),
    overflowPages: readU64(bytes, at + 24),
    entries: readU64(bytes, at + 32),
    root: empty ? undefined : readU64(bytes, at + 40),
  };
}

/** Nodes of a branch or leaf. */
export const countNodes = (page: Buffer): number => page.readUInt16LE(20) >>> 1;

/** The transaction that wrote the page. */
export const pageTransaction = (page: Buffer): number => readU64(page, 8);

/** Where node `index` begins in its page. */
export const nodeAt = (page: Buffer, index: number): number =>
  PAGE_HEADER_BYTES + page.readUInt16LE(PAGE_HEADER_BYTES + 2 * index);

export const nodeFlags = (page: Buffer, node: number): number => page.readUInt16LE(node + 4);
export const keyStart = (node: number): number => node + NODE_HEADER_BYTES;
export const keyEnd = (page: Buffer, node: number): number => node + NODE_HEADER_BYTES + page.readUInt16LE(node + 6);
/** Bytes of a leaf node's value, wherever it stands. */
export const dataBytes = (page: Buffer, node: number): number => page.readUInt32LE(node);
/** The child page of a branch's node. */
export const childPage = (page: Buffer, node: number): number =>
  page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 0x1_0000_0000;

/** The pages that hold a value too large for its leaf. */
export interface Run {
  readonly first: number;
  readonly transaction: number;
  readonly pages: number;
}

/** The run of a node whose flags are {@link BIG}. */
export function readRun(page: Buffer, node: number): Run {
  const at = keyEnd(page, node);
  return { first: readU64(page, at), transaction: readU64(page, at + 8), pages: readU64(page, at + 16) };
}

const even = (bytes: number): number => bytes + (bytes & 1);

/** Bytes that node takes in its page, or 0 when its own fields rule it out. */
function nodeBytes(page: Buffer, node: number, isBranch: boolean): number {
  const keyBytes = page.readUInt16LE(node + 6);
  if (isBranch) return NODE_HEADER_BYTES + keyBytes <= MAX_NODE_BYTES ? even(NODE_HEADER_BYTES + keyBytes) : 0;
  const flags = nodeFlags(page, node);
  const size = dataBytes(page, node);
  if (keyBytes === 0 || flags > TREE || (flags === TREE && size !== TREE_BYTES)) return 0;
  const bytes = NODE_HEADER_BYTES + keyBytes + (flags === BIG ? RUN_BYTES : size);
  return bytes <= MAX_NODE_BYTES ? even(bytes) : 0;
}

/** Scratch: size of the node that begins at each even offset of the page under test; all zero between tests. */
const sizeAt = new Uint16Array(BODY_BYTES / 2);

/**
 * Whether the nodes fill the page from `upper` to its end, each byte once: LMDB moves them about by these numbers alone, so
 * that a gap or an overlap makes a later delete write outside of the page.
 */
function nodesFill(page: Buffer, isBranch: boolean, upper: number): boolean {
  const count = countNodes(page);
  let left = count;
  for (let i = 0; i < count; i++) {
    const at = nodeAt(page, i) - PAGE_HEADER_BYTES;
    if (at < upper || (at & 1) !== 0 || at + NODE_HEADER_BYTES > BODY_BYTES) break;
    const size = nodeBytes(page, at + PAGE_HEADER_BYTES, isBranch);
    if (size === 0 || sizeAt[at >>> 1] !== 0) break;
    sizeAt[at >>> 1] = size;
    left--;
  }
  let at = upper;
  let filled = 0;
  while (left === 0 && at < BODY_BYTES) {
    const size = sizeAt[at >>> 1] as number;
    if (size === 0) break;
    at += size;
    filled++;
  }
  sizeAt.fill(0);
  return at === BODY_BYTES && filled === count;
}

/**
 * Verifies a page of a tree on its own: place, kind, and that its nodes can be read and moved about safely.
 * @param flags what it has to be: {@link BRANCH} or {@link LEAF}
 * @param newest the transaction of what points to it, which cannot be older: LMDB copies a page and all above it at once
 * @throws Damage
 */
export function checkTreePage(page: Buffer, number: number, flags: number, newest: number): void {
  if (readU64(page, 0) !== number) throw new Damage('bears the number of another page', number);
  if (page.readUInt16LE(18) !== flags) throw new Damage('is of the wrong kind', number);
  // A page that seems to be of this or a coming transaction LMDB takes for its own copy, and writes where it cannot.
  if (pageTransaction(page) > newest) throw new Damage('is newer than the page that points to it', number);
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  const fewest = flags === BRANCH ? 2 : 1;
  if ((lower & 1) !== 0 || lower > upper || upper > BODY_BYTES || countNodes(page) < fewest) {
    throw new Damage('has a damaged header', number);
  }
  if (!nodesFill(page, flags === BRANCH, upper)) throw new Damage('has damaged entries', number);
}

/**
 * Verifies what a leaf says of a value on pages of its own.
 * @param lastPage last page of the file's snapshot @param newest transaction of the leaf
 * @throws Damage
 */
export function checkRun(run: Run, bytes: number, lastPage: number, newest: number, leaf: number): void {
  const fits = run.first > 1 && run.pages > 0 && run.first + run.pages - 1 <= lastPage;
  if (!fits || run.transaction > newest || pagesOf(bytes) > run.pages) {
    throw new Damage('points to pages that cannot be', leaf);
  }
}

/**
 * Whether this is the header of a value's first page. LMDB frees and overwrites by it, not by what the leaf says.
 * @param newest transaction of the snapshot: a compacting copy keeps the headers of the file it is made from
 */
export const isHeaderOf = (header: Buffer, run: Run, newest: number): boolean =>
  readU64(header, 0) === run.first &&
  header.readUInt16LE(18) === OVERFLOW &&
  header.readUInt32LE(20) === run.pages &&
  pageTransaction(header) <= newest;

/** The header that LMDB gave to a value's first page. */
export function headerOf({ first, transaction, pages }: Run): Buffer {
  const header = Buffer.alloc(PAGE_HEADER_BYTES);
  header.writeBigUInt64LE(BigInt(first), 0);
  header.writeBigUInt64LE(BigInt(transaction), 8);
  header.writeUInt16LE(OVERFLOW, 18);
  header.writeUInt32LE(pages, 20);
  return header;
}
