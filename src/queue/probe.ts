/**
 * Looks at a file before LMDB does: LMDB's `open` does not throw on a foreign, cut or damaged file, it ends the process
 * (SIGSEGV, SIGBUS, SIGABRT).
 */
import { RoteraError } from '../errors.js';
import type { FileFault, Refusal } from './pages/meta.js';
import type { Snapshot } from './pages/snapshot-walk.js';
import { type WalkOptions, walkPages } from './pages/walk.js';

/** Whether a file with this fault was never a rot file: otherwise it is one that lost something. */
const foreignFaults: ReadonlySet<FileFault> = new Set<FileFault>(['not_a_file', 'empty', 'foreign', 'other_version']);

const advice: Partial<Record<FileFault, string>> = {
  cut_short: 'Restore it from a copy that is whole.',
  damaged: 'Look at it with rotera check, and restore it from a copy.',
  too_large: '',
};

function errorOf({ fault, reason, page }: Refusal): RoteraError {
  const details = page === undefined ? { fault, reason } : { fault, reason, page };
  if (foreignFaults.has(fault)) return new RoteraError('not_a_rot_file', `This is not a rot file: ${reason}.`, details);
  const text = `The file cannot be used: ${reason}. ${advice[fault] ?? ''}`.trimEnd();
  return new RoteraError('queue_unreadable', text, details);
}

/**
 * Verifies that LMDB can be given a file. Costs a read of each page that is not data: less than 1 ms for a small file.
 * @returns what it holds; undefined when another process kept committing to it, which then has it open and found it sound
 * @throws `not_a_rot_file` when it never was one, `queue_unreadable` when it is cut short, damaged or cannot be read; each
 * with the fault, the reason and the page, if it is one
 */
export function probe(path: string, options: WalkOptions = {}): Snapshot | undefined {
  const walk = walkPages(path, options);
  if (walk.ok) return walk.snapshot;
  if (walk.fault === 'changing') return undefined;
  throw errorOf(walk);
}
