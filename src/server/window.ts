/**
 * How many messages of a tail with a cursor may be delivered and not yet acknowledged.
 */
import type { Queue } from '../queue/queue.js';

export class Window {
  /** Everything below is done with. */
  #position: number;
  #wake: (() => void) | undefined;

  constructor(
    position: number,
    /** Most messages under way. */
    readonly size: number,
  ) {
    this.#position = position;
  }

  /** How many messages may be delivered from `place` on. */
  room(place: number): number {
    return this.#position + this.size - place;
  }

  /** Everything below `position` is acknowledged, or gone for good. */
  advance(position: number): void {
    this.#position = Math.max(this.#position, position);
    this.#wake?.();
  }

  /** Resolves when it is advanced next, or when `signal` aborts. */
  opened(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake = undefined;
        signal.removeEventListener('abort', done);
        resolve();
      };
      this.#wake = done;
      if (signal.aborted) done();
      else signal.addEventListener('abort', done, { once: true });
    });
  }
}

const keyOf = ({ epoch }: Queue, cursor: string): string => `${epoch}/${cursor}`;

/** The windows that are open, by cursor: what is acknowledged on one connection is so for all that share the cursor. */
export class Windows {
  readonly #byCursor = new Map<string, Set<Window>>();

  /** To be closed when its tail ends. @param position of the cursor @param size most messages under way */
  open(queue: Queue, cursor: string, position: number, size: number): { window: Window; close: () => void } {
    const key = keyOf(queue, cursor);
    const window = new Window(position, size);
    const windows = this.#byCursor.get(key) ?? new Set();
    this.#byCursor.set(key, windows.add(window));
    const close = (): void => {
      windows.delete(window);
      if (windows.size === 0 && this.#byCursor.get(key) === windows) this.#byCursor.delete(key);
    };
    return { window, close };
  }

  /** A cursor now stands at `position`. */
  advance(queue: Queue, cursor: string, position: number): void {
    for (const window of this.#byCursor.get(keyOf(queue, cursor)) ?? []) window.advance(position);
  }
}
