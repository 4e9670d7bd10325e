/**
 * The newest messages of a block, for a copy into which the whole block does not fit. Pure.
 */
import { parseBatch } from '../batch.js';
import type { Block } from './block.js';
import { blockSizes, type Chunk, layOut } from './layout.js';

/** The first id of a block from which on all messages fit into so many bytes; behind its last one when not even that does. */
export function firstWithin(block: Block, maxBytes: number, position: number): number {
  let low = block.first;
  let high = block.next;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    if (position - block.positionOf(middle) <= maxBytes) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The messages of a block from an id on, as the blocks of a smaller queue: commit by commit, the newest first. */
export function* blocksFrom(block: Block, from: number, maxBytes: number): Generator<readonly Chunk[]> {
  for (const segment of [...block.segments].reverse()) {
    const next = segment.first + segment.count;
    if (next <= from) return;
    const first = Math.max(segment.first, from);
    const slice = block.slice(first, next - first, Number.POSITIVE_INFINITY);
    if (slice === undefined) return;
    const options = { first, position: block.positionOf(first), time: segment.time, ...blockSizes(maxBytes) };
    yield layOut([parseBatch(slice.records)], options).chunks;
  }
}
