/**
 * A record of LMDB's free list, in the encoding of lmdb 3.5.6 (`midl.c`: `mdb_midl_xmerge`), which is not stock LMDB's. Pure.
 *
 * ```
 * u64 n | n words: a page number, or a negative count with the last … number behind it: that many pages from there on, or 0
 * ```
 * In no order; bytes behind the n words mean nothing. LMDB believes all of it: a wrong n makes it read beyond the record, a
 * wrong page is given to the next commit.
 */
import { Damage } from './lmdb-page.js';

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
