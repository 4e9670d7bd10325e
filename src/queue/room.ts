/**
 * How much of the disk a rot file may take, and what a commit needs of it. Pure.
 *
 * LMDB copies on write: a commit writes new pages and gives back the old ones, which can be used again two commits later.
 * It enlarges its map by itself, so the limit of the file is kept by this accounting and not by LMDB.
 */
import { CHUNK_BYTES, FOLD_BYTES } from './block.js';
import type { Limits } from './retention.js';

export const PAGE_BYTES = 4096;
/** LMDB's header on the first page of a value that has pages of its own. */
const PAGE_HEADER_BYTES = 24;
const MIB = 1024 * 1024;
/** What one commit writes besides the chunks: leaves and branches of the four trees and of the free list. */
const TREE_PAGES = 48;
/** A group of pushes is closed at this size, so that no commit needs much more room than this: 4 MiB of payload. */
export const GROUP_BYTES = 4 * MIB;

/** Pages that LMDB gives to a value of so many bytes. */
export const pagesOf = (bytes: number): number => Math.floor((PAGE_HEADER_BYTES - 1 + bytes) / PAGE_BYTES) + 1;

/** Pages that one commit may write, at the most, for values of these sizes. */
export function commitPages(sizes: Iterable<number>): number {
  let pages = TREE_PAGES;
  for (const size of sizes) pages += pagesOf(size);
  return pages;
}

/**
 * The most bytes a rot file with these limits ever takes, fixed at create and shown by stat.
 *
 * One eighth over `maxBytes` pays for record and page rounding of messages of 1 KiB and more; on top comes the room of
 * three commits, since what one frees is usable only two commits later.
 */
export function fileLimit(limits: Limits): number {
  const commit = Math.min(limits.maxBytes, GROUP_BYTES) + FOLD_BYTES + TREE_PAGES * PAGE_BYTES;
  const largest = Math.min(limits.maxBytes, Math.max(limits.maxMessageBytes, CHUNK_BYTES));
  const bytes = limits.maxBytes + Math.ceil(limits.maxBytes / 8) + 3 * Math.max(commit, largest) + MIB;
  return Math.ceil(bytes / MIB) * MIB;
}
