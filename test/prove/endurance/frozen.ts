/**
 * Whether this process stood still for a while, as one that is suspended does: what took long meanwhile is nobody's fault.
 */

const TICK_MS = 500;
/** A tick that is so late was not only waiting for a processor. */
const FROZEN_MS = 1000;

export class Frozen {
  times = 0;
  totalMs = 0;
  /** When it last came to itself; as `performance.now()` counts. */
  lastMs = 0;
  #ticked = performance.now();
  readonly #timer = setInterval(() => this.#tick(), TICK_MS);

  /** Whether it stood still since then. */
  since(ms: number): boolean {
    this.#tick();
    return this.lastMs > ms;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = performance.now();
    const late = now - this.#ticked - TICK_MS;
    this.#ticked = now;
    if (late < FROZEN_MS) return;
    this.times++;
    this.totalMs += late;
    this.lastMs = now;
  }
}
