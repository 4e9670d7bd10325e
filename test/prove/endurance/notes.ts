/**
 * What everyone in an endurance run writes down, however long it takes: counts, what was promised, and what is wrong.
 */

/** Most violations that are kept; more say nothing new. */
const KEPT = 1000;

export class Notes {
  /** The run is coming to its end: nothing new is begun. */
  readonly over = new AbortController();
  readonly wrong: string[] = [];
  readonly counts = new Map<string, number>();
  /** By queue: exclusive end of the ids that were acknowledged, and of those that anyone was told to be gone. */
  readonly acknowledged = new Map<string, number>();
  readonly toldGone = new Map<string, number>();
  /** Messages of a writer, which has been told that all of them are kept. */
  readonly pushed = new Map<number, number>();
  /** By queue, when a push was last acknowledged; ms. */
  readonly alive = new Map<string, number>();

  get isOver(): boolean {
    return this.over.signal.aborted;
  }

  count(what: string, times = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + times);
  }

  of(what: string): number {
    return this.counts.get(what) ?? 0;
  }

  say(text: string): void {
    if (this.wrong.length < KEPT) this.wrong.push(text);
  }

  acknowledge(queue: string, next: number): void {
    this.acknowledged.set(queue, Math.max(next, this.acknowledged.get(queue) ?? 0));
    this.alive.set(queue, performance.now());
  }

  tellGone(queue: string, to: number): void {
    this.toldGone.set(queue, Math.max(to, this.toldGone.get(queue) ?? 0));
  }
}
