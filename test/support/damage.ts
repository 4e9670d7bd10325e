/**
 * Ways to damage a rot file, each chosen by a seed.
 */
import { crc32 } from 'node:zlib';
import { type PageUse, pagesFor, pageUses } from './rot-pages.js';

const PAGE = 4096;

/** Numbers in `[0, below)`, the same ones for the same seed. */
export type Random = (below: number) => number;

export function random(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Bytes that mean nothing. */
export const garbage = (length: number, next: Random): Buffer => Buffer.from(Array.from({ length }, () => next(256)));

const pick = <T>(from: readonly T[], next: Random): T => from[next(from.length)] as T;

/** A damaged copy, and what was done to it. */
export interface Damaged {
  readonly what: string;
  readonly bytes: Buffer;
  /** The only page that is not as it was; none of a file that was cut, or is another altogether. */
  readonly page?: number;
}

/** What can be done to the pages of one use. */
export type Harm = 'zeroed' | 'garbage' | 'bit' | 'byte' | 'header bit' | 'field' | 'misdirected';

/** Harms one page. */
export function harmPage(sound: Buffer, page: number, harm: Harm, next: Random): Damaged {
  const bytes = Buffer.from(sound);
  const at = page * PAGE;
  const what = `page ${page} ${harm}`;
  switch (harm) {
    case 'zeroed':
      bytes.fill(0, at, at + PAGE);
      return { what, bytes, page };
    case 'garbage':
      garbage(PAGE, next).copy(bytes, at);
      return { what, bytes, page };
    case 'misdirected': {
      const from = next(Math.floor(bytes.length / PAGE));
      sound.copy(bytes, at, from * PAGE, (from + 1) * PAGE);
      return { what: `${what} from ${from}`, bytes, page };
    }
    case 'byte': {
      const offset = next(PAGE);
      bytes[at + offset] = next(256);
      return { what: `${what} at ${offset}`, bytes, page };
    }
    case 'field': {
      // A whole number with a value that means something, anywhere.
      const offset = next(PAGE / 8) * 8 + pick([0, 2, 4, 6], next);
      bytes.writeUInt16LE(pick([0, 1, 2, 4, 8, 24, 48, 4072, 4096, 0x7fff, 0xffff], next), at + offset);
      return { what: `${what} at ${offset}`, bytes, page };
    }
    default: {
      const bit = next((harm === 'header bit' ? 24 : PAGE) * 8);
      const offset = at + (bit >>> 3);
      bytes[offset] = (bytes[offset] as number) ^ (1 << (bit & 7));
      return { what: `${what} ${bit}`, bytes, page };
    }
  }
}

/** The first bytes of a file. */
export const cut = (sound: Buffer, length: number): Damaged => ({
  what: `cut to ${length}`,
  bytes: Buffer.from(sound.subarray(0, length)),
});

/** Harms a page of one of these uses; undefined when the file has none. */
export function harmUse(sound: Buffer, uses: readonly PageUse[], harms: readonly Harm[], next: Random): Damaged {
  const pages = pagesFor(pageUses(sound), ...uses);
  return harmPage(sound, pages.length === 0 ? 0 : pick(pages, next), pick(harms, next), next);
}

const HARMS: readonly Harm[] = ['zeroed', 'garbage', 'bit', 'byte', 'header bit', 'field', 'misdirected'];
const TREE_USES: readonly PageUse[] = ['branch', 'leaf', 'free branch', 'free leaf', 'free run'];

/** Damage that is not in the data: meta pages, trees and the free list. */
export const harmStructure = (sound: Buffer, next: Random): Damaged =>
  next(4) === 0 ? harmUse(sound, ['meta'], HARMS, next) : harmUse(sound, TREE_USES, HARMS, next);

/** Damage of the data: what messages are stored in, with or without what LMDB puts in front of it. */
export const harmData = (sound: Buffer, next: Random): Damaged =>
  harmUse(sound, next(4) === 0 ? ['value rest'] : ['value'], HARMS, next);

export const harmAnything = (sound: Buffer, next: Random): Damaged =>
  harmPage(sound, next(Math.floor(sound.length / PAGE)), pick(HARMS, next), next);

/** Cut at a page, or anywhere. */
export const harmLength = (sound: Buffer, next: Random): Damaged =>
  cut(sound, next(2) === 0 ? next(Math.ceil(sound.length / PAGE)) * PAGE : next(sound.length));

/** A file that never was a rot file. */
export function foreign(next: Random): Damaged {
  const length = pick([0, 1, 100, 4096, 8192, 10_000, 65_536], next);
  if (next(3) === 0) return { what: `${length} zeros`, bytes: Buffer.alloc(length) };
  if (next(2) === 0) return { what: `${length} of text`, bytes: Buffer.alloc(length, 'hello world\n') };
  return { what: `${length} of garbage`, bytes: garbage(length, next) };
}

/** The same file, of a format to come. */
export function newerFormat(sound: Buffer): Damaged {
  const bytes = Buffer.from(sound);
  for (let at = bytes.indexOf('{"format":1,'); at !== -1; at = bytes.indexOf('{"format":1,', at + 1)) {
    bytes.write('2', at + '{"format":'.length);
    bytes.writeUInt32LE(crc32(bytes.subarray(at, bytes.indexOf('}}', at) + 2)), at - 4);
  }
  return { what: 'newer format', bytes };
}
