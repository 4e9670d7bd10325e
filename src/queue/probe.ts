/**
 * Looks at a file before LMDB does: LMDB's `open` does not throw on a foreign, zeroed or truncated file, it ends the process
 * (SIGSEGV, SIGBUS).
 *
 * The layout read here is that of the LMDB inside lmdb 3.5.6 (`dependencies/lmdb/libraries/liblmdb/mdb.c`: MDB_page_header,
 * MDB_meta): a page header of 24 bytes, then magic, version, address, map size, two tree records, last page, transaction.
 * That version is pinned in package.json for this reason.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { messageOf, RoteraError } from '../errors.js';
import { PAGE_BYTES } from './room.js';

const MAGIC = 0xbeefc0de;
const VERSION = 2;
const META_PAGE = 0x08;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

interface Meta {
  readonly lastPage: number;
  readonly transaction: number;
  readonly mainRoot: bigint;
}

function readMeta(page: Buffer): Meta | string {
  if (page.readUInt32LE(24) !== MAGIC || (page.readUInt16LE(18) & META_PAGE) === 0) return 'it is no LMDB file';
  if ((page.readUInt32LE(28) & 0xffff) !== VERSION) return 'it is an LMDB file of another version';
  if (page.readUInt32LE(48) !== PAGE_BYTES) return 'its pages are not 4 KiB';
  return {
    mainRoot: page.readBigUInt64LE(136),
    lastPage: Number(page.readBigUInt64LE(144)),
    transaction: Number(page.readBigUInt64LE(152)),
  };
}

function reasonAgainst(fd: number): string | undefined {
  const stat = fstatSync(fd);
  if (!stat.isFile()) return 'it is no regular file';
  if (stat.size === 0) return 'it is empty';
  if (stat.size < 2 * PAGE_BYTES) return 'it is cut short';
  const pages = Buffer.alloc(2 * PAGE_BYTES);
  readSync(fd, pages, 0, pages.length, 0);
  const metas = [readMeta(pages.subarray(0, PAGE_BYTES)), readMeta(pages.subarray(PAGE_BYTES))];
  for (const meta of metas) if (typeof meta === 'string') return meta;
  const [even, odd] = metas as [Meta, Meta];
  const newest = even.transaction >= odd.transaction ? even : odd;
  if ((newest.lastPage + 1) * PAGE_BYTES > stat.size) return 'it is cut short';
  if (newest.mainRoot !== NO_PAGE && Number(newest.mainRoot) > newest.lastPage) return 'its root lies outside of it';
  return undefined;
}

/** @throws `not_a_rot_file` naming the reason, or `queue_unreadable` when the file cannot be read at all. */
export function probe(path: string): void {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw new RoteraError('queue_unreadable', `The file cannot be opened: ${messageOf(cause)}.`, {}, { cause });
  }
  try {
    const reason = reasonAgainst(fd);
    if (reason !== undefined) throw new RoteraError('not_a_rot_file', `This is not a rot file: ${reason}.`, { reason });
  } finally {
    closeSync(fd);
  }
}
