/**
 * A history: what the clients of one queue asked for, when, and what they were told.
 */

/** When a client asked and when it had its answer, in ms on one clock; `ended` is infinite when none came. */
export interface Interval {
  readonly began: number;
  readonly ended: number;
}

/** A push of messages that say who they are: `LABEL/INDEX`. */
export interface PushSeen extends Interval {
  readonly label: string;
  readonly count: number;
  /** Id of its first message, as acknowledged; undefined when the outcome is not known. */
  readonly first: number | undefined;
}

/** What the queue was said to hold: by a stat, by a read that had come to the end, or by a gap. */
export interface EndsSeen extends Interval {
  readonly oldest: number | undefined;
  readonly next: number;
}

export interface ReadSeen extends Interval {
  readonly from: number;
  readonly limit: number;
  readonly first: number;
  /** Where it said that one goes on. */
  readonly next: number;
  readonly upToDate: boolean;
  readonly gap: { readonly from: number; readonly to: number } | null;
  /** The messages from `first` on. */
  readonly texts: readonly string[];
}

/** Pushes that were refused leave no trace here: their labels must not be seen. */
export interface History {
  readonly maxMessages: number;
  readonly pushes: readonly PushSeen[];
  readonly refused: readonly string[];
  readonly ends: readonly EndsSeen[];
  readonly reads: readonly ReadSeen[];
}
