/**
 * The pages of a sound rot file by what they are for. Written apart from the engine's own walk, so that tests of that walk
 * do not rest on it: this one believes all it reads.
 */
const PAGE = 4096;
const HEADER = 24;

export type PageUse = 'meta' | 'branch' | 'leaf' | 'free branch' | 'free leaf' | 'free run' | 'value' | 'value rest';

const u16 = (bytes: Buffer, at: number): number => bytes.readUInt16LE(at);
const u64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

/** Page numbers and uses of the newest snapshot; what is missing is free, or was never used. */
export function pageUses(file: Buffer): Map<number, PageUse> {
  const uses = new Map<number, PageUse>([
    [0, 'meta'],
    [1, 'meta'],
  ]);
  const meta = u64(file, 152) >= u64(file, PAGE + 152) ? 0 : PAGE;
  addTree(file, meta + 48, uses, 'free ');
  addTree(file, meta + 96, uses, '');
  return uses;
}

function addTree(file: Buffer, record: number, uses: Map<number, PageUse>, kind: '' | 'free '): void {
  const root = file.readBigUInt64LE(record + 40);
  if (root !== 0xffff_ffff_ffff_ffffn) addPage(file, Number(root), uses, kind);
}

function addPage(file: Buffer, number: number, uses: Map<number, PageUse>, kind: '' | 'free '): void {
  const page = number * PAGE;
  const isBranch = u16(file, page + 18) === 1;
  uses.set(number, `${kind}${isBranch ? 'branch' : 'leaf'}`);
  for (const node of nodesOf(file, number)) {
    const data = node + 8 + u16(file, node + 6);
    if (isBranch) addPage(file, file.readUIntLE(node, 6), uses, kind);
    else if (u16(file, node + 4) === 2) addTree(file, data, uses, kind);
    else if (u16(file, node + 4) === 1) addRun(u64(file, data), u64(file, data + 16), uses, kind);
  }
}

function addRun(first: number, pages: number, uses: Map<number, PageUse>, kind: '' | 'free '): void {
  for (let i = 0; i < pages; i++) uses.set(first + i, kind !== '' ? 'free run' : i === 0 ? 'value' : 'value rest');
}

/** Pages of one of these uses. */
export const pagesFor = (uses: ReadonlyMap<number, PageUse>, ...wanted: readonly PageUse[]): number[] =>
  [...uses].filter(([, use]) => wanted.includes(use)).map(([number]) => number);

/** Where the nodes of a tree's page stand in the file. */
export const nodesOf = (file: Buffer, number: number): number[] =>
  Array.from(
    { length: u16(file, number * PAGE + 20) / 2 },
    (_, i) => number * PAGE + HEADER + u16(file, number * PAGE + HEADER + 2 * i),
  );
