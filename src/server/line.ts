/**
 * Works that are done one after the other.
 */
export class Line {
  #last: Promise<unknown> = Promise.resolve();

  /** Begins `work` when all before it have ended, however they did. @throws what `work` throws */
  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
