/**
 * The blocks of a rot file from the newest to the oldest, for a copy under some limits.
 *
 * Backwards, since rotation takes from the other end: what was read joins without a hole, wherever rotation is met, and however
 * fast it is, a good part is read before it goes.
 */
import { BLOCK_HEADER_BYTES, Block, readBlockHeader } from './block.js';
import { blocksFrom, firstWithin } from './block-part.js';
import { blockKey, chunkEntries, keyChunk, keyFirst, LAST_CHUNK } from './block-store.js';
import type { Entry, Environment } from './environment.js';
import type { FileState, Rotated } from './file-meta.js';
import type { Limits } from './limits.js';
import { storedPages } from './room.js';

/** Read under one snapshot: 4 MiB take a slow disk so little time that no push is refused for lack of free pages. */
const PIECE_PAGES = 1024;
/** Read before any is written, 32 MiB: rotation takes nothing from a queue that is no larger. */
const PIECES_EACH = 8;

interface Chunk {
  readonly key: Buffer;
  readonly value: Buffer;
}

export class BackwardWalk {
  readonly #source: Environment;
  readonly #before: FileState;
  readonly #maxBytes: number;
  /** Oldest id that the copy may keep by count. */
  readonly #counted: number;
  /** Pages left for the blocks that are being read. */
  #room = 0;
  #isFull = false;
  /** First id of the block that was taken last. */
  #first: number;
  /** The limit of the copy that ended the last piece, if one did. */
  #ended: 'byBytes' | 'byRoom' | undefined;

  /** @param before the state of the source under the snapshot of the first piece @param limits those of the copy */
  constructor(source: Environment, before: FileState, limits: Limits) {
    this.#source = source;
    this.#before = before;
    this.#maxBytes = limits.maxBytes;
    this.#counted = Math.max(before.oldest, before.next - limits.maxMessages);
    this.#first = before.next;
  }

  /**
   * The next blocks, all but the first one whole, about 32 MiB of them, with ascending keys; none at the end. No snapshot is held
   * on return.
   * @param room pages that the copy has left for blocks. They are counted at the most that they may take: what they did not take
   * is to be told with the next call
   */
  next(room: number): Entry[] {
    const blocks: Entry[][] = [];
    this.#room = room;
    this.#isFull = false;
    this.#ended = undefined;
    for (let i = 0; i < PIECES_EACH && !this.#isFull; i++) {
      this.#readPiece(blocks);
      this.#source.release();
    }
    if (this.#isFull && blocks.length === 0) this.#ended = 'byRoom';
    // LMDB fills the leaves with keys that ascend, and leaves them half empty with ones that descend.
    return blocks.reverse().flat();
  }

  /** The state of the copy at the end of the walk. @param now the state of the source then */
  copied(now: FileState): FileState {
    const { rotated } = this.#before;
    // What the source still counts as kept and has no block of is damage, and stays told as such.
    const reached = this.#ended === undefined ? Math.min(this.#first, now.oldest) : this.#first;
    const oldest = Math.max(reached, this.#counted);
    const reason = this.#ended ?? mostRotated(rotated, now.rotated);
    const counted = { ...rotated, byCount: rotated.byCount + this.#counted - this.#before.oldest };
    return { ...this.#before, oldest, rotated: { ...counted, [reason]: counted[reason] + oldest - this.#counted } };
  }

  #readPiece(blocks: Entry[][]): void {
    const end = this.#room - PIECE_PAGES;
    while (this.#room > end && this.#first > this.#counted) {
      const chunks = this.#chunksBefore(this.#first);
      const [start] = chunks;
      if (start === undefined) return;
      if (!this.#takes(start, chunks)) {
        // Else a queue whose newest block is larger than the copy may be would lose all its messages.
        if (this.#first === this.#before.next && this.#ended === 'byBytes') this.#takePart(chunks, blocks);
        return;
      }
      this.#first = keyFirst(start.key);
      blocks.push(chunks.map((chunk) => ({ table: 'blocks', ...chunk })));
    }
  }

  /** Takes the newest messages of the newest block, as many as fit. */
  #takePart(chunks: readonly Chunk[], blocks: Entry[][]): void {
    const [start] = chunks as [Chunk];
    const block = Block.decode(Buffer.concat(chunks.map(({ value }) => value)), keyFirst(start.key));
    const { next, position } = this.#before;
    if (block.damaged || block.next !== next) return;
    const from = Math.max(firstWithin(block, this.#maxBytes, position), this.#counted);
    for (const part of blocksFrom(block, from, this.#maxBytes)) {
      if (!this.#hasRoom(part.map(({ bytes }) => bytes.length))) return;
      this.#first = part[0]?.first ?? this.#first;
      blocks.push(chunkEntries(part));
    }
  }

  /** Takes the room for values of such sizes, if there is as much. */
  #hasRoom(sizes: readonly number[]): boolean {
    const pages = sizes.reduce((sum, size) => sum + storedPages(size), 0);
    this.#isFull = pages > this.#room;
    if (!this.#isFull) this.#room -= pages;
    return !this.#isFull;
  }

  /** The chunks of the block that lies before the one that begins at `first`, if it is still there. */
  #chunksBefore(first: number): Chunk[] {
    const [last] = this.#source.keys('blocks', { start: blockKey(first - 1, LAST_CHUNK), reverse: true, limit: 1 });
    if (last === undefined) return [];
    const keys = this.#source.keys('blocks', { start: blockKey(keyFirst(last), 0), end: blockKey(first, 0) });
    return keys.flatMap((key) => {
      const value = this.#source.get('blocks', key);
      return value === undefined ? [] : [{ key, value }];
    });
  }

  /** Whether the copy has room for a block. A damaged one, which does not say where it stands, goes by its size alone. */
  #takes(start: Chunk, chunks: readonly Chunk[]): boolean {
    const isWhole = keyChunk(start.key) === 0;
    const header = isWhole ? readBlockHeader(start.value.subarray(0, BLOCK_HEADER_BYTES)) : undefined;
    if (header !== undefined && this.#before.position - header.position > this.#maxBytes) {
      this.#ended = 'byBytes';
      return false;
    }
    return this.#hasRoom(chunks.map(({ value }) => value.length));
  }
}

/** The limit by which most was rotated out in between. */
function mostRotated(before: Rotated, now: Rotated): keyof Rotated {
  const reasons = ['byCount', 'byBytes', 'byAge', 'byRoom'] as const;
  return reasons.reduce((most, each) => (now[each] - before[each] > now[most] - before[most] ? each : most));
}
