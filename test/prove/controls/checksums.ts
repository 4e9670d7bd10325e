/**
 * Blocks that are believed, whatever their checksums say: each segment is given the right one before it is verified.
 */
import { BLOCK_HEADER_BYTES, Block, SEGMENT_HEADER_BYTES, sealSegment } from '../../../src/queue/block.js';

export * from '../../../src/queue/block.js';

const { decode } = Block;

Block.decode = (stored, first) => {
  const buffer = Buffer.from(stored);
  let id = first;
  let at = BLOCK_HEADER_BYTES;
  while (at + SEGMENT_HEADER_BYTES <= buffer.length) {
    const end = at + SEGMENT_HEADER_BYTES + buffer.readUInt32LE(at);
    const count = buffer.readUInt32LE(at + 4);
    if (end > buffer.length || count === 0) break;
    const time = Number(buffer.readBigUInt64LE(at + 8));
    sealSegment(buffer, at, end, { first: id, count, time });
    id += count;
    at = end;
  }
  return decode(buffer, first);
};
