/**
 * What consumers were told of their cursors, and whether those that are stored can be explained by it.
 */
import type { Said } from './plan.js';

type Moved = Extract<Said, { readonly is: 'moving' | 'moved' }>;

/** Where a cursor may stand. */
interface Range {
  /** What was acknowledged last; undefined when nothing was: then it may not be there. */
  readonly least: number | undefined;
  /** The furthest that was asked for. */
  readonly most: number;
}

/** The cursors of one queue. */
export class Cursors {
  readonly #ranges = new Map<string, Range>();

  /** Takes note of what a consumer said. */
  hear({ is, cursor, position }: Moved): void {
    const { least, most } = this.#ranges.get(cursor) ?? { least: undefined, most: position };
    this.#ranges.set(cursor, { least: is === 'moved' ? position : least, most: Math.max(most, position) });
  }

  /** What is wrong with the positions found by name, in a queue that ends before id `next`. */
  judge(positions: Readonly<Record<string, number>>, next: number): string[] {
    return [...this.#ranges].flatMap(([cursor, { least, most }]) => {
      const position = positions[cursor];
      if (position === undefined) return least === undefined ? [] : [`cursor ${cursor} is gone`];
      if (least !== undefined && position < least)
        return [`cursor ${cursor} stands at ${position}, acknowledged was ${least}`];
      if (position > most) return [`cursor ${cursor} stands at ${position}, asked for was at most ${most}`];
      return position > next ? [`cursor ${cursor} stands at ${position}, beyond the end ${next}`] : [];
    });
  }

  /** The same, unchanged by what comes later. */
  copy(): Cursors {
    const copy = new Cursors();
    for (const [cursor, range] of this.#ranges) copy.#ranges.set(cursor, range);
    return copy;
  }
}
