/**
 * A record of LMDB's free list, in the encoding of lmdb 3.5.6 (`midl.c`: `mdb_midl_xmerge`), which is not stock LMDB's.
 *
 * ```
 * u64 n | n words: a page number, or a negative count with the last … number behind it: that many pages from there on, or 0
 * ```
 * In no order; bytes behind the n words mean nothing. LMDB believes all of it: a wrong n makes it read beyond the record, a
 * wrong page is given to the next commit.
 */

import { PAGE_BYTES } from '../room.js';
import { BIG, Damage, dataBytes, keyEnd, nodeFlags, readRun } from './page.js';
import type { PageFile } from './page-file.js';
import type { Leaf } from './tree-walk.js';

/** What a free list record is read from: word `index` of its value. */
export type Words = (index: number) => { readonly low: number; readonly high: number };

/**
 * The runs of free pages of one record.
 * @param bytes length of the record @throws Damage
 */
export function* freeRuns(words: Words, bytes: number, page: number): Generator<{ first: number; count: number }> {
  const broken = (): Damage => new Damage('holds a damaged list of free pages', page);
  if (bytes < 8) throw broken();
  const { low: length, high } = words(0);
  if (high !== 0 || (length + 1) * 8 > bytes) throw broken();
  for (let index = 1; index <= length; index++) {
    let word = words(index);
    let count = 1;
    if (word.high === 0xffff_ffff && word.low !== 0) {
      count = 0x1_0000_0000 - word.low;
      // A count that is the last word would make LMDB read the page number from behind the list.
      if (index === length) throw broken();
      word = words(++index);
    } else if (word.high === 0 && word.low === 0) continue;
    if (word.high !== 0 || word.low === 0) throw broken();
    yield { first: word.low, count };
  }
}

/** Access to the value of a node as words, through a window of one page when it does not stand in its leaf. */
export function wordsOf(file: PageFile, { page }: Leaf, node: number): Words {
  const word = { low: 0, high: 0 };
  const take = (bytes: Buffer, at: number): typeof word => {
    word.low = bytes.readUInt32LE(at);
    word.high = bytes.readUInt32LE(at + 4);
    return word;
  };
  const start = keyEnd(page, node);
  if (nodeFlags(page, node) !== BIG) return (index) => take(page, start + 8 * index);
  const run = readRun(page, node);
  const bytes = dataBytes(page, node);
  const window = Buffer.alloc(PAGE_BYTES);
  let from = -1;
  return (index) => {
    const offset = Math.floor((8 * index) / PAGE_BYTES) * PAGE_BYTES;
    if (offset !== from) {
      file.readValue(window.subarray(0, Math.min(PAGE_BYTES, bytes - offset)), run.first, offset);
      from = offset;
    }
    return take(window, 8 * index - offset);
  };
}
