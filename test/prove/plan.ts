/**
 * What a pusher is to do.
 */
import type { Limits } from '../../src/queue/limits.js';

/**
 * A writer stops for the rest of its session when so many of its pushes are refused, times as many as it has under way: those behind
 * one that is refused are refused with it.
 */
export const REFUSALS = 3;

/** Work for `children/pusher.ts`. The same plan makes the same pushes, in an order that the scheduler chooses. */
export interface Plan {
  readonly directory: string;
  readonly seed: number;
  /** Which of the processes that push, one after the other, this is. */
  readonly life: number;
  /** Created when they are not there. */
  readonly queues: readonly string[];
  readonly limits: Partial<Limits>;
  /** Limits that some of the queues have instead. */
  readonly limitsOf?: Readonly<Record<string, Partial<Limits>>>;
  readonly writers: number;
  /** Pushes of one writer that wait at the same time, at most. */
  readonly inFlight: number;
  /** Pushes of each writer before the queues are closed. */
  readonly pushes: number;
  /** How often the queues are opened, pushed to and closed; null for as long as it lives. */
  readonly sessions: number | null;
  /** Most messages of a push, and most bytes of a message. */
  readonly most: number;
  readonly longest: number;
  /** Fewest bytes of a message, where not as few as can be. */
  readonly shortest?: number;
  /** Queues made beside the pushing, in each session. */
  readonly creates: number;
  /** Queues made, removed while they are pushed to, and made again under the same name, in each session. */
  readonly deletes?: number;
  /** Consumers of each queue, each with a cursor that it moves while others push. */
  readonly consumers?: number;
  /** Whether writers push as named producers. */
  readonly named?: boolean;
  /** Whether its clock goes seconds ahead with each look at it, and is ahead of every earlier life's. */
  readonly hurries?: boolean;
  /** Whether the last session ends with a SIGKILL of itself, with pushes under way, instead of a close. */
  readonly dies: boolean;
  /** File handles that are left to the process once it has opened the directory; null for as many as there are. */
  readonly handles: number | null;
  /** The negative control: a push, or a create, is acknowledged before it is durable. */
  readonly acknowledgesEarly: boolean;
}

/** A push of a named producer, which is the writer. */
export interface Claim {
  readonly queue: string;
  readonly life: number;
  readonly writer: number;
  /** Which of its pushes this is, from 0 on. */
  readonly seq: number;
  /** Messages that it pushed before, and those of this push. */
  readonly sequence: number;
  readonly count: number;
}

/** Under which id the writer pushes. */
export const producerOf = ({ life, writer }: { readonly life: number; readonly writer: number }): string =>
  `${life}/${writer}`;

/** What a pusher says. */
export type Said =
  | { readonly is: 'opening' | 'closing' | 'closed' | 'unreadable' }
  | { readonly is: 'opened'; readonly ms: number }
  | { readonly is: 'creating' | 'deleting' | 'deleted'; readonly queue: string }
  | { readonly is: 'created'; readonly queue: string; readonly createdAt: number; readonly ms: number }
  /** `copy` is made of `queue`, in the same directory. */
  | { readonly is: 'copying' | 'copied'; readonly queue: string; readonly copy: string }
  /** A cursor is to be moved to a position. */
  | { readonly is: 'moving'; readonly queue: string; readonly cursor: string; readonly position: number }
  /** It stands there. */
  | {
      readonly is: 'moved';
      readonly queue: string;
      readonly cursor: string;
      readonly position: number;
      readonly ms: number;
    }
  | ({ readonly is: 'pushing' } & Claim)
  | {
      readonly is: 'pushed';
      readonly life: number;
      readonly writer: number;
      readonly queue: string;
      readonly sequence: number;
      readonly count: number;
      readonly first: number;
      /** Of a named producer only: which of its pushes this is. */
      readonly seq?: number;
      readonly ms: number;
    }
  | { readonly is: 'failed'; readonly code: string }
  | {
      readonly is: 'refused';
      /** A start, one of the files that it found, a create, a push, or a move of a cursor. */
      readonly what: 'open' | 'file' | 'create' | 'push' | 'ack';
      /** Whose, but for a start. */
      readonly queue?: string;
      /** Who pushed. */
      readonly writer?: number;
      readonly code: string;
      readonly ms: number;
    };
