/**
 * What one reader got of one queue: each message whole, in its place, without a hole that was not told. Nothing of it is kept,
 * since a message says itself who pushed it and as which.
 */
import { labelOf } from '../messages.js';
import type { Notes } from './notes.js';
import { type Load, loadOfWriter } from './queues.js';

interface Gap {
  readonly from: number;
  readonly to: number;
  readonly reason?: string;
}

export class Course {
  /** The id wanted next; undefined before anything came. */
  next: number | undefined;
  /** By writer: the number of its last message, and whether a gap was told since. */
  readonly #writers = new Map<number, { sequence: number; isBehindGap: boolean }>();

  constructor(
    readonly reader: string,
    readonly load: Load,
    readonly notes: Notes,
  ) {}

  /** Takes what came in one piece. */
  take(first: number, messages: Iterable<Uint8Array>, gap: Gap | null = null): void {
    if (gap !== null) this.#gap(gap);
    if (this.next !== undefined && first !== this.next) this.#say(`got id ${first} where ${this.next} comes next`);
    let id = first;
    for (const message of messages) this.#message(id++, message);
    this.next = id;
    this.notes.count('messages got and compared', id - first);
  }

  /** Some are gone, and how many is not said. */
  skip(): void {
    this.next = undefined;
    this.notes.count('gaps told');
    for (const state of this.#writers.values()) state.isBehindGap = true;
  }

  #gap({ from, to, reason = 'rotated' }: Gap): void {
    if (reason !== 'rotated') this.#say(`was told a gap that is ${reason}`);
    // A cursor's gap may begin where it was acknowledged, which is before what was got.
    if (to <= from || (this.next !== undefined && (from > this.next || to <= this.next)))
      this.#say(`was told that ids ${from} to ${to} are gone where ${this.next} comes next`);
    this.notes.tellGone(this.load.name, to);
    this.notes.count('messages told as gone', to - from);
    this.skip();
    this.next = to;
  }

  #message(id: number, message: Uint8Array): void {
    const label = labelOf(message);
    if (label === undefined || loadOfWriter(label.writer) !== this.load) {
      this.#say(`got id ${id} altered`);
      return;
    }
    const { writer, sequence } = label;
    if (this.load.writers === 1 && sequence !== id) this.#say(`got message ${sequence} as id ${id}`);
    const before = this.#writers.get(writer);
    if (before !== undefined) {
      const { sequence: last, isBehindGap } = before;
      if (isBehindGap ? sequence <= last : sequence !== last + 1)
        this.#say(`got message ${sequence} of writer ${writer} behind its message ${last}`);
    }
    this.#writers.set(writer, { sequence, isBehindGap: false });
  }

  #say(text: string): void {
    this.notes.say(`${this.reader} of ${this.load.name} ${text}`);
  }
}
