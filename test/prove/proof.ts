/**
 * A proof: something tried many times that must never go wrong, and a control that shows it would be seen if it did.
 */

/** What a proof is given. */
export interface Trial {
  /** Fixes every choice that the proof makes itself; what the scheduler does stays its own. */
  readonly seed: number;
  /** How often to try; each proof says what a round is. */
  readonly rounds: number;
  /** The proof begins no new round from then on; ms, as `performance.now()` counts. */
  readonly endMs: number;
  /** A directory of its own, removed afterwards. */
  readonly directory: string;
  /** The same, in memory where there is such a thing: for files that need no disk under them. */
  readonly memory: string;
  /** Where directories in which something is wrong are to be kept, if at all. */
  readonly keep: string | undefined;
  /** Shows how far it is. */
  readonly progress: (done: number, of: number, text?: string) => void;
  /** Prints a line at once. */
  readonly print: (line: string) => void;
}

/** A deliberate fault, which the proof must see. */
export interface Control {
  readonly name: string;
  /** What was seen of it; undefined when nothing was: then the proof proves nothing. */
  readonly caught: string | undefined;
}

/** How a proof went. */
export interface Outcome {
  /** Rounds done: fewer than asked for only when time was up. */
  readonly rounds: number;
  /** Counts and measures, a name and a value each. */
  readonly facts: ReadonlyArray<readonly [name: string, value: string | number]>;
  /** Rows under each other, the first with the names of the columns. */
  readonly table?: ReadonlyArray<readonly string[]>;
  /** Everything that must not be. */
  readonly violations: readonly string[];
  readonly controls: readonly Control[];
}

export interface Proof {
  /** One line, for the help. */
  readonly about: string;
  /** What a round is, and how many there are unless asked for otherwise. */
  readonly round: string;
  readonly rounds: number;
  /** Whether --minutes without --rounds means: as many rounds as fit. */
  readonly lasting?: boolean;
  readonly run: (trial: Trial) => Promise<Outcome>;
}
