/**
 * How much of the disk a rot file may take, and what a commit needs of it. Pure.
 *
 * LMDB copies on write: a commit writes new pages and gives back the old ones, which can be used again two commits later.
 * It enlarges its map by itself, so the limit of the file is kept by this accounting and not by LMDB.
 */
import { CHUNK_BYTES, FOLD_BYTES } from './block.js';
import type { Limits } from './limits.js';

export const PAGE_BYTES = 4096;
const MIB = 1024 * 1024;
/** LMDB's header on the first page of a value that has pages of its own. */
const PAGE_HEADER_BYTES = 24;
/** What one commit writes besides chunks, at the most: leaves and branches of the four trees and of the free list. */
const TREE_PAGES = 48;
/** A value of at most so many bytes stands in a leaf (LMDB's `me_nodemax`, less the longest key that we use). */
const MOST_INLINE_BYTES = 1800;
/** A key with what LMDB adds to it in a leaf, at the most; and how few of them a leaf holds. */
const KEY_BYTES = 160;
const LEAF_KEYS = 12;
/** A leaf that was just split is half full. */
const HALF_LEAF_BYTES = PAGE_BYTES / 2;
/** The largest push that room is kept for beside what is kept: what a server accepts by default. For a larger one more is rotated. */
const LARGEST_PUSH_BYTES = 17 * MIB;

/** Pages that LMDB gives to a value of so many bytes. */
export const pagesOf = (bytes: number): number => Math.floor((PAGE_HEADER_BYTES - 1 + bytes) / PAGE_BYTES) + 1;

/** Pages that a value takes together with its key, at the most: its own, or its share of a leaf, of which half is used. */
export const storedPages = (bytes: number): number =>
  (bytes > MOST_INLINE_BYTES ? pagesOf(bytes) : bytes / HALF_LEAF_BYTES) + KEY_BYTES / HALF_LEAF_BYTES;

/**
 * Pages that one commit may write, at the most.
 * @param sizes of the values stored @param removed how many keys it removes
 */
export function commitPages(sizes: Iterable<number>, removed = 0): number {
  let pages = TREE_PAGES + Math.ceil(removed / LEAF_KEYS);
  let inline = 0;
  for (const size of sizes) {
    if (size > MOST_INLINE_BYTES) pages += pagesOf(size);
    else inline += size + KEY_BYTES;
  }
  return pages + Math.ceil(inline / HALF_LEAF_BYTES);
}

/** Pages that one commit writes at the least that stores so many values, whatever their sizes. */
export const leastPages = (values: number): number => TREE_PAGES + Math.ceil((values * KEY_BYTES) / HALF_LEAF_BYTES);

/** A group of pushes is closed at so many payload bytes (256 KiB to 4 MiB), so that small queues need little spare room. */
export const groupBytes = (maxBytes: number): number =>
  Math.min(4 * MIB, Math.max(256 * 1024, Math.floor(maxBytes / 8)));

/**
 * The most bytes a rot file with these limits ever takes, fixed at create and shown by stat.
 *
 * One sixteenth over `maxBytes` pays for record headers and page rounding of messages of 1 KiB and more. On top comes spare
 * room: for three groups, since what one frees is usable only two commits later, or for one large push.
 */
export function fileLimit({ maxBytes, maxMessageBytes }: Limits): number {
  const group = Math.min(groupBytes(maxBytes), Math.max(maxBytes, CHUNK_BYTES));
  const withTrees = (bytes: number): number => Math.ceil(bytes * 1.05) + FOLD_BYTES + TREE_PAGES * PAGE_BYTES;
  const largest = Math.min(LARGEST_PUSH_BYTES, Math.max(maxBytes / 2, Math.min(maxBytes, maxMessageBytes)));
  const spare = Math.max(3 * withTrees(group), withTrees(largest));
  return Math.ceil((maxBytes * (1 + 1 / 16) + spare) / MIB + 1) * MIB;
}
