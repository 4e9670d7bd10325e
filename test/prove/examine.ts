/**
 * Has directories examined, many by one process; one that ends the process does not hide the others.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
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
  /** Directories in which something is wrong are kept in this one, as they were before. */
  readonly keep: string | undefined;
  readonly queues?: readonly string[];
  readonly life: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly imports?: readonly string[];
  readonly under?: readonly string[];
  /** Told what was found in each. */
  readonly hear?: (examined: Examined, candidate: Candidate) => void;
}

/** Longest that opening, reading and pushing to the queues of one directory may take, and how much each more adds; ms. */
const DEADLINE_MS = 60_000;
const MORE_MS = 5000;

/** What is wrong with the directories; empty when all that was acknowledged is there and pushing goes on. Removes them. */
export async function examineAll(candidates: readonly Candidate[], options: ExamineOptions): Promise<string[]> {
  const { keep } = options;
  for (const { directory } of keep === undefined ? [] : candidates)
    cpSync(directory, copyOf(directory), { recursive: true });
  const wrong: string[] = [];
  for (let at = 0; at < candidates.length; ) {
    const left = candidates.slice(at);
    const texts = await examineSome(left, options);
    for (const [i, found] of texts.entries()) {
      const { name, directory } = left[i] as Candidate;
      wrong.push(...found.map((text) => `${name}: ${text}`));
      if (keep !== undefined && found.length > 0) keepCopy(directory, keep, [name, ...found]);
    }
    at += texts.length;
  }
  for (const { directory } of candidates) {
    for (const path of [directory, copyOf(directory)]) rmSync(path, { recursive: true, force: true });
  }
  return wrong;
}

/** Examines directories until one ends the process. @returns what is wrong with each that was examined, at least one */
async function examineSome(candidates: readonly Candidate[], options: ExamineOptions): Promise<string[][]> {
  const { queues = [], life, keep: _, hear, ...how } = options;
  // Too long for the words of a command.
  const claims = `${candidates[0]?.directory}.claims`;
  writeFileSync(claims, JSON.stringify(candidates.map(({ ledger }) => ledger.claims)));
  const job: Examination = { directories: candidates.map(({ directory }) => directory), queues, life, claims };
  const wrong: string[][] = [];
  const ended = await run('examiner', job, {
    ...how,
    deadlineMs: DEADLINE_MS + candidates.length * MORE_MS,
    hear: (said) => {
      if ((said as { is: string }).is !== 'examined') return;
      const candidate = candidates[wrong.length] as Candidate;
      hear?.(said as Examined, candidate);
      wrong.push(candidate.ledger.judge(said as Examined));
    },
  });
  rmSync(claims);
  const complaint = complaintAbout(ended);
  if (wrong.length < candidates.length) wrong.push([`opening it: ${complaint ?? 'the process stopped early'}`]);
  else if (complaint !== undefined) wrong.at(-1)?.push(`closing it: ${complaint}`);
  return wrong;
}

const copyOf = (directory: string): string => `${directory}.copy`;

function keepCopy(directory: string, keep: string, texts: readonly string[]): void {
  const kept = join(keep, basename(directory));
  mkdirSync(keep, { recursive: true });
  cpSync(copyOf(directory), kept, { recursive: true });
  writeFileSync(join(kept, 'VIOLATION'), `${texts.join('\n')}\n`);
}
