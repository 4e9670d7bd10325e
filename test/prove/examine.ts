/**
 * Has directories examined, many by one process; one that ends the process does not hide the others.
 */
import { complaintAbout, run } from './child.js';
import type { Examination } from './children/examiner.js';
import type { Examined, Ledger } from './ledger.js';

/** A directory, and what must be in it. */
export interface Candidate {
  readonly directory: string;
  readonly ledger: Ledger;
  /** Which one it is, for whoever reads a violation. */
  readonly name: string;
}

export interface ExamineOptions {
  readonly queues?: readonly string[];
  readonly life: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly imports?: readonly string[];
  readonly under?: readonly string[];
}

/** Longest that opening, reading and pushing to the queues of one directory may take; ms. */
const DEADLINE_MS = 60_000;

/** What is wrong with the directories; empty when all that was acknowledged is there and pushing goes on. */
export async function examineAll(candidates: readonly Candidate[], options: ExamineOptions): Promise<string[]> {
  const wrong: string[] = [];
  for (let at = 0; at < candidates.length; ) {
    const left = candidates.slice(at);
    const { queues = [], life, ...how } = options;
    const job: Examination = { directories: left.map(({ directory }) => directory), queues, life };
    let examined = 0;
    const ended = await run('examiner', job, {
      ...how,
      deadlineMs: DEADLINE_MS + left.length * 1000,
      hear: (said) => {
        if ((said as { is: string }).is !== 'examined') return;
        const { ledger, name } = left[examined++] as Candidate;
        wrong.push(...ledger.judge(said as Examined).map((text) => `${name}: ${text}`));
      },
    });
    const complaint = complaintAbout(ended);
    // The one that was being examined when the process ended is to blame.
    const blamed = left[Math.min(examined, left.length - 1)] as Candidate;
    if (complaint !== undefined) wrong.push(`${blamed.name}: opening it: ${complaint}`);
    if (complaint === undefined && examined < left.length) wrong.push(`${blamed.name}: the examiner stopped early`);
    at += examined + 1;
  }
  return wrong;
}
