/**
 * Acknowledgements that come on a socket, as fast as it likes: one is stored at a time, then the highest that came meanwhile.
 */
export class Acks {
  readonly #store: (id: number) => Promise<void>;
  /** Highest that waits to be stored; negative when none does. */
  #waiting = -1;
  #storing = false;

  /** @param store makes an acknowledgement durable; must not throw */
  constructor(store: (id: number) => Promise<void>) {
    this.#store = store;
  }

  take(id: number): void {
    this.#waiting = Math.max(this.#waiting, id);
    if (!this.#storing) void this.#storeAll();
  }

  async #storeAll(): Promise<void> {
    this.#storing = true;
    while (this.#waiting >= 0) {
      const id = this.#waiting;
      this.#waiting = -1;
      await this.#store(id);
    }
    this.#storing = false;
  }
}
