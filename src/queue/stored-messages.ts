/**
 * The messages that a rot file keeps, by id: where each stands, when it was committed, how many bytes were pushed before it.
 */
import type { Block } from './block.js';
import type { BlockStore, Place } from './block-store.js';
import type { FileState } from './file-meta.js';
import type { Layout } from './layout.js';
import type { Mark } from './retention.js';

/** Shows durable messages only: it is moved on after each flush. */
export class StoredMessages {
  readonly #store: BlockStore;
  #state: FileState;
  /** The newest block while commits can be folded into it: its buffer has room behind the last segment. */
  #tail: Block | undefined;
  /** First id of the newest block when it can take no more. It is large: the store keeps it as long as its bound allows. */
  #full: number | undefined;
  /** Ids of which none is intact, `to` exclusive: found by the last search that met damage, so that the next ones need not. */
  #hole = { from: 0, to: 0 };

  constructor(store: BlockStore, state: FileState) {
    this.#store = store;
    this.#state = state;
  }

  /** As last flushed. */
  get state(): FileState {
    return this.#state;
  }

  /** Takes over what a flush has made durable. @param layout of the messages that it has stored, if any */
  advance(state: FileState, layout: Layout | undefined): void {
    const allGone = state.oldest >= this.#state.next;
    this.#state = state;
    if (layout === undefined && !allGone) return;
    const before = this.#tail ?? this.#keptFull();
    if (before !== undefined && before !== layout?.newest) this.#store.release(before);
    this.#tail = layout?.isFull === false ? layout.newest : undefined;
    this.#full = layout?.isFull === true ? layout.newest.first : undefined;
    if (layout?.isFull === true) this.#store.keep(layout.newest);
  }

  /**
   * The block that should hold message `id`, which must lie in `[oldest, next)`. When `id` is not below the `next` of the
   * answer, or there is none, the message is damaged.
   */
  block(id: number): Block | undefined {
    if (this.#tail !== undefined && id >= this.#tail.first) return this.#tail;
    const full = this.#full !== undefined && id >= this.#full ? this.#keptFull() : undefined;
    return full ?? this.#store.find(id);
  }

  /** First id of the first block that begins behind `id`, or `next` when there is none. */
  nextBlock(id: number): number {
    return this.#store.nextAfter(id) ?? this.#state.next;
  }

  /** Payload bytes kept. Reads the oldest block. */
  get bytes(): number {
    const { oldest, next, position } = this.#state;
    if (oldest === next) return 0;
    const [mark] = this.#store.walk(oldest);
    return position - (this.positionOf(oldest) ?? mark?.position ?? position);
  }

  /** The same without reading a block: as if all messages of the oldest block were of one size. */
  get bytesAbout(): number {
    const { oldest, next, position } = this.#state;
    if (oldest === next) return 0;
    const [mark, after = { first: next, position }] = this.#oldestMarks();
    if (mark === undefined) return 0;
    const share = (oldest - mark.first) / (after.first - mark.first);
    return Math.round(position - mark.position - share * (after.position - mark.position));
  }

  /** Blocks found damaged when they were read, of those still kept. */
  get damagedBlocks(): number {
    return this.#store.damaged;
  }

  /** Where an intact message stands. */
  placeOf(id: number): Place | undefined {
    const position = this.positionOf(id);
    const time = this.timeOf(id);
    return position === undefined || time === undefined ? undefined : { position, time };
  }

  /** As {@link BlockStore.peek}. */
  peek(id: number): Place | undefined {
    const tail = this.#tail;
    if (tail === undefined || id < tail.first) return this.#store.peek(id);
    const time = this.timeOf(id);
    return time === undefined ? undefined : { time, position: tail.position };
  }

  /** Payload bytes that were pushed before message `id`, if it is intact. */
  positionOf(id: number): number | undefined {
    const block = this.block(id);
    return block === undefined || id >= block.next ? undefined : block.positionOf(id);
  }

  /** Commit time in ms of message `id`, if it is kept and intact. */
  timeOf(id: number): number | undefined {
    const block = this.block(id);
    if (block === undefined || id >= block.next) return undefined;
    return block.segments[block.segmentIndex(id)]?.time;
  }

  /** The first id in `[oldest, next]` that was committed at `time` (ms) or later: a search, as times never decrease. */
  idAt(time: number): number {
    let { oldest: low, next: high } = this.#state;
    // Asked with each commit of a queue with an age limit, of which most find nothing too old.
    if (this.#intactFrom(low).time >= time) return low;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      const { id, time: found } = this.#intactFrom(middle);
      if (found >= time) high = middle;
      else low = id + 1;
    }
    return low;
  }

  /** The newest block in a buffer that has room for `foldBytes`, unless it is larger, damaged or there is none. */
  foldable(foldBytes: number): Block | undefined {
    const { oldest, next } = this.#state;
    if (this.#tail === undefined && this.#full === undefined && oldest < next) {
      const newest = this.#store.find(next - 1);
      if (newest !== undefined && !newest.damaged && newest.next === next && newest.end < foldBytes) {
        const buffer = Buffer.allocUnsafeSlow(foldBytes);
        newest.buffer.copy(buffer, 0, 0, newest.end);
        this.#tail = newest.movedTo(buffer);
      }
    }
    return this.#tail;
  }

  #keptFull(): Block | undefined {
    return this.#full === undefined ? undefined : this.#store.kept(this.#full);
  }

  /** Start of the block that holds `oldest`, and of the one behind it, if there is one. */
  #oldestMarks(): Iterable<Mark> {
    const { oldest } = this.#state;
    return this.#tail !== undefined && this.#tail.first <= oldest ? [this.#tail] : this.#store.walk(oldest);
  }

  /** The first intact message at or behind `id`, and its commit time; Infinity when there is none. */
  #intactFrom(id: number): { id: number; time: number } {
    let at = id;
    let from = id;
    let time: number | undefined;
    while (at < this.#state.next) {
      if (at >= this.#hole.from && at < this.#hole.to) {
        from = Math.min(from, this.#hole.from);
        at = this.#hole.to;
        continue;
      }
      time = this.timeOf(at);
      if (time !== undefined) break;
      at = this.nextBlock(at);
    }
    if (at > id) this.#hole = { from, to: at };
    return { id: at, time: time ?? Number.POSITIVE_INFINITY };
  }
}
