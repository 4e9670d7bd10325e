/**
 * How many messages a damaged page may cost: those that stand on it, or are found through it.
 */
import { nodesOf, type PageUse, pageUses } from './rot-pages.js';

const PAGE = 4096;
/** u64 big-endian first id | u16 big-endian chunk. */
const BLOCK_KEY_BYTES = 10;

/** What one page of a sound file is for, and the most messages that may be told as damaged when it is harmed. */
export interface Reach {
  readonly use: PageUse | undefined;
  readonly messages: number;
}

/** A page that is in use by nothing, or no page at all: what is cut off a file that is still opened was never used. */
const NOTHING: Reach = { use: undefined, messages: 0 };

/** Whether nothing but the payload of one block stands on the page: such a file is opened, and tells a gap. */
export const isData = ({ use }: Reach): boolean => use === 'value' || use === 'value rest';

/**
 * The reach of each page of a sound file with blocks in it.
 * @param next the id behind its last message
 */
export function reaches(file: Buffer, next: number): (page: number | undefined) => Reach {
  const uses = pageUses(file);
  const blocks = new Map<number, Set<number>>();
  const meta = file.readBigUInt64LE(152) >= file.readBigUInt64LE(PAGE + 152) ? 0 : PAGE;
  const all = [...addPage(file, Number(file.readBigUInt64LE(meta + 96 + 40)), blocks)].sort((a, b) => a - b);
  const sizes = new Map(all.map((first, index) => [first, (all[index + 1] ?? next) - first]));
  return (page) => {
    const use = page === undefined ? undefined : uses.get(page);
    if (page === undefined || use === undefined) return NOTHING;
    let messages = 0;
    for (const first of blocks.get(page) ?? []) messages += sizes.get(first) ?? 0;
    return { use, messages };
  };
}

/** Notes the blocks below a page of a tree, by their first ids, for it and for all pages below it. */
function addPage(file: Buffer, page: number, blocks: Map<number, Set<number>>): Set<number> {
  const at = page * PAGE;
  const isBranch = file.readUInt16LE(at + 18) === 1;
  const below = new Set<number>();
  const addAll = (firsts: Iterable<number>): void => {
    for (const first of firsts) below.add(first);
  };
  for (const node of nodesOf(file, page)) {
    const keyBytes = file.readUInt16LE(node + 6);
    const data = node + 8 + keyBytes;
    const flags = file.readUInt16LE(node + 4);
    if (isBranch) addAll(addPage(file, file.readUIntLE(node, 6), blocks));
    else if (flags === 2) addAll(addTree(file, data, blocks));
    else if (keyBytes === BLOCK_KEY_BYTES) {
      const first = Number(file.readBigUInt64BE(node + 8));
      below.add(first);
      if (flags === 1) addRun(file, data, first, blocks);
    }
  }
  blocks.set(page, below);
  return below;
}

function addTree(file: Buffer, record: number, blocks: Map<number, Set<number>>): Iterable<number> {
  const root = file.readBigUInt64LE(record + 40);
  return root === 0xffff_ffff_ffff_ffffn ? [] : addPage(file, Number(root), blocks);
}

function addRun(file: Buffer, data: number, first: number, blocks: Map<number, Set<number>>): void {
  const [from, pages] = [Number(file.readBigUInt64LE(data)), Number(file.readBigUInt64LE(data + 16))];
  for (let page = from; page < from + pages; page++) blocks.set(page, new Set([first]));
}
