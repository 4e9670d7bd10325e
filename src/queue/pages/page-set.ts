/**
 * A set of page numbers as bits: 32 KiB for each GiB of file that pages are added in.
 */
const SEGMENT_PAGES = 2 ** 18;
const ALL = 0xffff_ffff;

export class PageSet {
  readonly #segments = new Map<number, Uint32Array>();
  #size = 0;

  /** Pages in the set. */
  get size(): number {
    return this.#size;
  }

  /** Adds `count` pages from `first` on. @returns the first of them that was there already, if any: then some are not added. */
  add(first: number, count: number): number | undefined {
    const end = first + count;
    for (let page = first; page < end; ) {
      const words = this.#segment(Math.floor(page / SEGMENT_PAGES));
      const word = (page % SEGMENT_PAGES) >>> 5;
      const bit = page & 31;
      const taken = Math.min(32 - bit, end - page);
      const mask = taken === 32 ? ALL : ((1 << taken) - 1) << bit;
      const there = (words[word] as number) & mask;
      // The lowest set bit tells the page.
      if (there !== 0) return page - bit + 31 - Math.clz32(there & -there);
      words[word] = (words[word] as number) | mask;
      this.#size += taken;
      page += taken;
    }
    return undefined;
  }

  #segment(index: number): Uint32Array {
    let words = this.#segments.get(index);
    if (words === undefined) {
      words = new Uint32Array(SEGMENT_PAGES / 32);
      this.#segments.set(index, words);
    }
    return words;
  }
}
