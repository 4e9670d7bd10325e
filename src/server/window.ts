/**
 * How many messages of a tail may be delivered and not yet acknowledged.
 */
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

  /** Everything below `position` is acknowledged. */
  acknowledge(position: number): void {
    this.#position = Math.max(this.#position, position);
    this.#wake?.();
  }

  /** Ids below `to` are gone: nobody will acknowledge them. */
  skip(to: number): void {
    this.#position = Math.max(this.#position, to);
  }

  /** Resolves with the next acknowledgement, or when `signal` aborts. */
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
