// @ts-check
/**
 * The last minutes of a queue, as the page has seen them.
 */

/** @typedef {import('./queue-model.js').Stat} Stat */

/** Five minutes and a little, at one look every two seconds. */
const MOST = 160;

export class History {
  /** Seconds since 1970. @type {number[]} */
  times = [];
  /** Messages a second, up to each of the times. @type {(number | null)[]} */
  pushed = [];
  /** @type {(number | null)[]} */
  rotated = [];
  /** @type {Stat | undefined} */
  latest;
  /** @type {Stat | undefined} */
  earlier;

  /** When it was looked at last, in seconds. */
  #at = 0;

  /** @param {Stat} stat @param {number} now ms */
  add(stat, now) {
    const passed = now / 1000 - this.#at;
    // One made anew counts from 0 again.
    const known = this.latest?.epoch === stat.epoch ? this.latest : undefined;
    this.#at = now / 1000;
    this.earlier = known;
    this.latest = stat;
    // The first look tells no rate.
    if (known === undefined || passed <= 0) return;
    this.#push((stat.next - known.next) / passed, (stat.rotated.messages - known.rotated.messages) / passed);
  }

  /** Nothing is known of the time in which there was no answer. @param {number} now ms */
  miss(now) {
    this.#at = now / 1000;
    this.latest = undefined;
    this.#push(null, null);
  }

  /** @param {number | null} pushed @param {number | null} rotated */
  #push(pushed, rotated) {
    this.times.push(this.#at);
    this.pushed.push(pushed);
    this.rotated.push(rotated);
    for (const series of [this.times, this.pushed, this.rotated]) if (series.length > MOST) series.shift();
  }

  /** Messages a second now. */
  get pushRate() {
    return this.pushed.at(-1) ?? 0;
  }

  get rotationRate() {
    return this.rotated.at(-1) ?? 0;
  }

  /** The highest rate of pushes that is remembered. */
  get most() {
    return Math.max(0, ...this.pushed.map((value) => value ?? 0));
  }
}
