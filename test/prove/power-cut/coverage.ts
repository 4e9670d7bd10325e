/**
 * What the power cuts have reached: a proof that never comes by where a fault may be finds none.
 */
import type { Examined } from '../ledger.js';
import { WORKLOADS, type Workload } from './workloads.js';

/** From so many states on, everything must have been reached. */
const ENOUGH_STATES = 1000;
/** Share of a recording that may lie behind its last cut, and between two cuts. */
const END_SHARE = 0.01;
const STRETCH_SHARE = 0.2;
/** A recording with fewer cuts than that, such as the last one, may have longer stretches. */
const ENOUGH_CUTS = 40;

/** Of one workload. */
interface Seen {
  states: number;
  /** States in which queue `main` had rotated messages. */
  rotated: number;
}

export class Coverage {
  states = 0;
  readonly #seen = new Map<string, Seen>(WORKLOADS.map(({ name }) => [name, { states: 0, rotated: 0 }]));
  #recordings = 0;
  #calls = 0;
  /** Least share of a recording that lies before its last cut, and the largest between two cuts. */
  #lastCut = 1;
  #stretch = 0;
  /** States in which there was a queue made by a process, or a copy. */
  #made = 0;
  #copied = 0;
  #cursors = 0;
  #duplicates = 0;
  #stored = 0;
  #byRoom = 0;

  /** One recording of so many calls, cut behind these, ascending. */
  recorded(calls: number, places: readonly number[]): void {
    this.#recordings++;
    this.#calls += calls;
    this.#lastCut = Math.min(this.#lastCut, (places.at(-1) ?? 0) / calls);
    if (places.length < ENOUGH_CUTS) return;
    for (const [i, place] of places.entries())
      this.#stretch = Math.max(this.#stretch, (place - (places[i - 1] ?? 0)) / calls);
  }

  /** A state that was opened. */
  examined({ name }: Workload, { names, found }: Examined): void {
    const seen = this.#seen.get(name) as Seen;
    this.states++;
    seen.states++;
    if (found.some(({ queue, oldest }) => queue === 'main' && oldest > 0)) seen.rotated++;
    if (names.some((queue) => queue.startsWith('made-'))) this.#made++;
    if (names.some((queue) => queue.startsWith('copy-'))) this.#copied++;
    for (const { cursors, repeated, rotated } of found) {
      this.#cursors += Object.keys(cursors).length;
      this.#duplicates += repeated.filter(({ duplicate }) => duplicate === true).length;
      this.#stored += repeated.filter(({ duplicate }) => duplicate === false).length;
      this.#byRoom += rotated.byRoom;
    }
  }

  get facts(): ReadonlyArray<readonly [string, string | number]> {
    const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
    return [
      ['recordings', this.#recordings],
      ['records of calls', this.#calls],
      ['last cut of a recording, at least behind', percent(this.#lastCut)],
      ['longest stretch of a recording without a cut', percent(this.#stretch)],
      ...[...this.#seen].map(([name, { states, rotated }]) => [`rotated, ${name}`, `${rotated} of ${states}`] as const),
      ['messages rotated for want of room (any is a violation)', this.#byRoom],
      ['states with a queue made beside', this.#made],
      ['states with a copy', this.#copied],
      ['positions of cursors compared', this.#cursors],
      ['pushes repeated and known', this.#duplicates],
      ['pushes repeated and stored now', this.#stored],
    ];
  }

  /** What was not reached, once there were enough states to expect it. */
  get lacks(): string[] {
    if (this.states < ENOUGH_STATES) return [];
    const lacks = WORKLOADS.filter(({ name, rotates }) => rotates && this.#seen.get(name)?.rotated === 0).map(
      ({ name }) => `no state of "${name}" had rotated`,
    );
    if (this.#lastCut < 1 - END_SHARE) lacks.push('the end of a recording was not cut');
    if (this.#stretch > STRETCH_SHARE) lacks.push('a stretch of a recording was not cut');
    const counts = { made: this.#made, copied: this.#copied, cursors: this.#cursors, stored: this.#stored };
    for (const [what, count] of Object.entries({ ...counts, duplicates: this.#duplicates }))
      if (count === 0) lacks.push(`no state showed any of: ${what}`);
    return lacks.map((text) => `not covered: ${text}`);
  }
}
