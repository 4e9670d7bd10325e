/**
 * What the process of a run does, while one call of it goes wrong.
 */
import type { Plan } from '../plan.js';

export interface Work extends Pick<Plan, 'writers' | 'inFlight' | 'pushes' | 'longest'> {
  readonly name: string;
  readonly consumers: number;
  readonly named: boolean;
  /** Whether the room of its queues is theirs from the start. */
  readonly reserve: boolean;
}

/** The queue of all writers; each session makes another one, with a writer of its own. */
export const MAIN = 'main';
export const CREATES = 1;
export const SESSIONS = 2;

/** Each push is a commit. */
const ALONE = { writers: 1, inFlight: 1, pushes: 8, longest: 20_000, consumers: 0, named: false };
/** Pushes and acks wait behind the commit that goes wrong, and are stored together. */
const CROWD = { writers: 4, inFlight: 3, pushes: 4, longest: 10_000, consumers: 1, named: true };

export const WORKS: readonly Work[] = [
  { ...ALONE, name: 'one writer, reserved', reserve: true },
  { ...ALONE, name: 'one writer', reserve: false },
  { ...CROWD, name: 'many, reserved', reserve: true },
  { ...CROWD, name: 'many', reserve: false },
];

/** Queues that a run makes, each with a lock file. */
export const QUEUES = 1 + CREATES * SESSIONS;

/** Pushes of a session in which nothing is refused: to the queue of all, and to the one that it makes. */
export const pushesOf = ({ writers, pushes }: Work) => ({ main: writers * pushes, made: CREATES * pushes });
