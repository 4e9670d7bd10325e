/**
 * What a command gets from the program that runs it, or from a test.
 */
import type { BaseContext } from 'clipanion';
import type { ErrorCode } from '../src/errors.js';

/** A sentence for those errors whose own text does not say what to do. */
export type Hints = Readonly<Partial<Record<ErrorCode, string>>>;

export interface Context extends BaseContext {
  /**
   * A signal that ends the command, as Ctrl-C does; its reason is an {@link Interrupted}. Asking for it promises to end by
   * it. Absent: nothing interrupts.
   */
  readonly interrupt?: () => AbortSignal;
  /**
   * A signal that the second Ctrl-C aborts, for a command that the first may leave waiting. Asking for it promises to end by it
   * at once. Absent: as with `interrupt`.
   */
  readonly insist?: () => AbortSignal;
  /** To be called by a command that is not run for its output: it goes on when nobody reads that any more. */
  readonly goOnUnread?: () => void;
  /** What to do about an error, where commands are called by other names than those of the shell. */
  readonly hints?: Hints;
  /** Runs another command line. Given to every command. */
  readonly run?: (words: readonly string[], context: Context) => Promise<Outcome>;
}

/** What a command line has come to: the command that ran, for whoever wants to know what it found. */
export interface Outcome {
  readonly exitCode: number;
  readonly command: unknown;
}

/** Why a command was ended from outside. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';

  constructor(
    /** Of the program: 128 and the number of the signal, as shells do. */
    readonly exitCode: number,
  ) {
    super('interrupted');
  }
}

export const isTerminal = (stream: NodeJS.WritableStream): stream is NodeJS.WriteStream =>
  (stream as NodeJS.WriteStream).isTTY === true;

/** Whether somebody sits at both ends; else what comes in is a script. */
export const hasPerson = ({ stdin, stdout }: Pick<Context, 'stdin' | 'stdout'>): boolean =>
  isTerminal(stdout) && isTerminal(stdin as unknown as NodeJS.WritableStream);
