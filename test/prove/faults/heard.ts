/**
 * What the process of a run has said.
 */
import type { Said } from '../plan.js';
import { MAIN } from './work.js';

export type Refused = Extract<Said, { readonly is: 'refused' }>;

/** What it said from one opening of the directory to the next. */
export interface Session {
  readonly refused: Refused[];
  /** Pushes that were acknowledged: to the queue of all, and to the one that the session makes. */
  readonly acknowledged: { main: number; made: number };
}

export class Heard {
  readonly sessions: Session[] = [];
  /** The code with which it gave up, if it did. */
  failed: string | undefined;
  /** Longest that anything took to be answered; ms. */
  slowestMs = 0;

  /** Takes note of what it says. */
  hear(said: Said): void {
    if (said.is === 'opening') this.sessions.push({ refused: [], acknowledged: { main: 0, made: 0 } });
    const session = this.sessions.at(-1);
    if (said.is === 'pushed' && session !== undefined) session.acknowledged[said.queue === MAIN ? 'main' : 'made']++;
    if (said.is === 'refused') session?.refused.push(said);
    if (said.is === 'failed') this.failed ??= said.code;
    if ('ms' in said) this.slowestMs = Math.max(this.slowestMs, said.ms);
  }

  get refused(): Refused[] {
    return this.sessions.flatMap(({ refused }) => refused);
  }

  /** Codes by what was refused with them, and that of giving up. */
  get codes(): string[] {
    const codes = new Set(this.refused.map(({ what, code }) => `${what} ${code}`));
    if (this.failed !== undefined) codes.add(`gave up with ${this.failed}`);
    return [...codes].sort();
  }
}
