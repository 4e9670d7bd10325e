/**
 * An LMDB file without anything in it. LMDB makes such a file by itself, but dies when the disk fills while it does: its first
 * pages are written by us, with the room for its first commits behind them. Pure.
 */
import { PAGE_BYTES } from '../room.js';
import { EMPTY_TREE_FLAGS, MAGIC, VERSION } from './meta.js';
import { META } from './page.js';

const META_PAGES = 2;

/** Two meta pages that tell of no commit, as `mdb_env_init_meta` writes them. @param mapBytes size of the map */
export function emptyFile(mapBytes: number): Buffer {
  const bytes = Buffer.alloc(META_PAGES * PAGE_BYTES);
  for (let number = 0; number < META_PAGES; number++) {
    const page = bytes.subarray(number * PAGE_BYTES, (number + 1) * PAGE_BYTES);
    page.writeUInt32LE(number, 0);
    page.writeUInt16LE(META, 18);
    page.writeUInt32LE(MAGIC, 24);
    page.writeUInt32LE(VERSION, 28);
    page.writeBigUInt64LE(BigInt(mapBytes), 40);
    // The record of the free list tells the size of a page, and how the file is used.
    page.writeUInt32LE(PAGE_BYTES, 48);
    page.writeUInt16LE(EMPTY_TREE_FLAGS, 52);
    for (const root of [88, 136]) page.writeBigInt64LE(-1n, root);
    page.writeUInt32LE(META_PAGES - 1, 144);
  }
  return bytes;
}
