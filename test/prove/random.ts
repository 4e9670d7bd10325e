/**
 * Numbers that look random and come again from the same seed.
 */

/** A stream of pseudo-random numbers; the same for the same seed. Not for secrets. */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number in `[0, 2^32)`. */
  next(): number {
    this.#state = (this.#state + 0x9e37_79b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0_aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** A whole number in `[0, bound)`. */
  below(bound: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * bound);
  }

  /** A whole number in `[least, most]`; each order of magnitude is as likely as another. */
  spread(least: number, most: number): number {
    return Math.min(most, Math.floor(least * ((most + 1) / least) ** (this.next() / 0x1_0000_0000)));
  }

  /** True `share` of the time. */
  chance(share: number): boolean {
    return this.next() < share * 0x1_0000_0000;
  }

  /** One of several, which must not be empty. */
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T;
  }

  /** So many of several, or all of them; each once, in their order. */
  some<T>(choices: readonly T[], count: number): T[] {
    const left = [...choices.keys()];
    const taken = new Set<number>();
    while (taken.size < count && left.length > 0) taken.add(left.splice(this.below(left.length), 1)[0] as number);
    return choices.filter((_, i) => taken.has(i));
  }

  /** A stream of its own, that depends on the seed and `label` only. */
  fork(label: number): Random {
    return new Random(new Random(this.seed ^ Math.imul(label + 1, 0x85eb_ca6b)).next());
  }
}

/** A seed for a run that was given none. */
export const anySeed = (): number => Math.floor(Math.random() * 0x1_0000_0000);
