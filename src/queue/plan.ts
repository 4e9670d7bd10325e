/**
 * What a commit is to write, before anything is written: the state after it, what rotation takes, where the messages go, and the
 * room that all of it needs.
 */
import type { Batch } from '../batch.js';
import { type BlockStore, chunkEntries } from './block-store.js';
import type { Entry } from './environment.js';
import type { FileState } from './file-meta.js';
import { blockSizes, foldedBytes, foldInto, type Layout, layOut, leastBlocks } from './layout.js';
import type { Limits } from './limits.js';
import { rotate } from './retention.js';
import { commitPages, leastPages } from './room.js';
import type { StoredMessages } from './stored-messages.js';

/**
 * Blocks that one commit rotates out for their age alone: each is looked up while everybody waits. What became too old while no server
 * ran is a whole queue.
 */
const MOST_EXPIRED_BLOCKS = 256;

/** What one commit changes. */
export interface Change {
  /** Appended in order, with consecutive ids from `state.next` on. */
  readonly batches: readonly Batch[];
  /** Cursors and producers. */
  readonly entries: readonly Entry[];
}

export interface Plan {
  /** As it will be. */
  readonly state: FileState;
  /** Keys of the chunks that rotation removes. */
  readonly gone: readonly Buffer[];
  /** Of the messages that are appended, if there are any. */
  readonly layout: Layout | undefined;
  /** All that is stored but the state: chunks, cursors, producers. */
  readonly entries: readonly Entry[];
  /** The most pages of the file that it takes. */
  readonly pages: number;
}

/**
 * Plans the commits of one file. Writes nothing to it, and changes nothing that a read shows: blocks come into the cache, the newest one
 * may get a buffer with room behind it, and what is folded into it is put there, behind its last segment.
 */
export class Planner {
  readonly #limits: Limits;
  readonly #messages: StoredMessages;
  readonly #store: BlockStore;

  /** @param messages what is kept, as last flushed @param store where it is kept */
  constructor(limits: Limits, messages: StoredMessages, store: BlockStore) {
    this.#limits = limits;
    this.#messages = messages;
    this.#store = store;
  }

  /** The oldest id that age alone would keep, unless that is too much for one commit: then a lower one. @param now ms since the epoch */
  youngEnough(now: number): number {
    const { oldest } = this.#messages.state;
    const { maxAgeSeconds } = this.#limits;
    const wanted = maxAgeSeconds === null ? oldest : this.#messages.idAt(now - maxAgeSeconds * 1000);
    if (wanted === oldest) return oldest;
    let left = MOST_EXPIRED_BLOCKS;
    for (const { first } of this.#store.walk(oldest)) {
      if (first >= wanted) return wanted;
      if (left-- === 0) return first;
    }
    return wanted;
  }

  /**
   * Pages that a change takes at the least. Known without laying it out: of a push that is much too large for the file, the layout
   * alone could take all memory.
   */
  least({ batches }: Change): number {
    const messages = batches.reduce((sum, { count }) => sum + count, 0);
    // All of it may be folded into the newest block.
    return leastPages(Math.max(0, leastBlocks(messages, blockSizes(this.#limits.maxBytes).blockBytes) - 1));
  }

  /** A change, and the rotation that the limits ask for with it. @param now ms since the epoch */
  change({ batches, entries }: Change, now: number): Plan {
    const before = this.#messages.state;
    // That of the newest message: a cursor that moves makes none.
    const time = batches.length > 0 ? Math.max(now, before.time) : before.time;
    let { next, position } = before;
    for (const batch of batches) {
      next += batch.count;
      position += batch.bytes;
    }
    const youngEnough = this.youngEnough(now);
    const rotation = rotate(this.#limits, before, { next, position }, youngEnough, this.#store.walk(before.oldest));
    const layout = batches.length === 0 ? undefined : this.#layOut(batches, time, rotation.oldest < before.next);
    const rotated = {
      byCount: before.rotated.byCount + rotation.byCount,
      byBytes: before.rotated.byBytes + rotation.byBytes,
      byAge: before.rotated.byAge + rotation.byAge,
      byRoom: before.rotated.byRoom,
    };
    const state = { oldest: rotation.oldest, next, position, time, rotated };
    return this.#plan(state, layout, [...(layout === undefined ? [] : chunkEntries(layout.chunks)), ...entries]);
  }

  /** The state as it is, once more. */
  rewrite(): Plan {
    return this.#plan(this.#messages.state);
  }

  /** Rotation beyond what the limits ask for, until so many pages are free. */
  rotateFurther(pages: number): Plan {
    const { state } = this.#messages;
    const oldest = this.#store.oldestWithout(pages, state);
    const rotated = { ...state.rotated, byRoom: state.rotated.byRoom + oldest - state.oldest };
    return this.#plan({ ...state, oldest, rotated });
  }

  #plan(state: FileState, layout?: Layout, entries: readonly Entry[] = []): Plan {
    const gone = this.#store.keysBelow(state.oldest, this.#messages.state);
    const sizes = entries.map(({ value }) => value?.length ?? 0);
    return { state, gone, layout, entries, pages: commitPages(sizes, gone.length) };
  }

  #layOut(batches: readonly Batch[], time: number, keepTail: boolean): Layout {
    const sizes = blockSizes(this.#limits.maxBytes);
    const { next: first, position } = this.#messages.state;
    const options = { first, position, time, ...sizes };
    const tail = keepTail ? this.#messages.foldable(sizes.foldBytes) : undefined;
    if (tail !== undefined && tail.end + foldedBytes(batches) <= sizes.foldBytes)
      return foldInto(tail, batches, options);
    return layOut(batches, options);
  }
}
