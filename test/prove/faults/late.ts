/**
 * How long anybody may wait for an answer.
 */
import { ORIGINS } from '../shim.js';
import type { Fault } from './fault.js';
import type { Run } from './run.js';

/** Deadline of one call to the disk, as src/queue/disk.ts has it; ms. */
const CALL_MS = 30_000;

/**
 * When all calls hang from that of a mark on (seen-mark.ts), the commit is made that it belongs to, and answered once the mark is given
 * up; what waits for the next commit then waits for that one as well.
 */
const isBehindMark = ({ act, count }: Fault, struck: readonly number[]): boolean =>
  act === 'hang' && count === -1 && struck.some((call) => (call & ORIGINS.mark) !== 0);

/** An answer that came too late, if one did. */
export function tooLate(fault: Fault, { struck, heard, answerMs }: Run): string | undefined {
  const most = isBehindMark(fault, struck) ? answerMs + CALL_MS : answerMs;
  return heard.slowestMs > most ? `an answer took ${heard.slowestMs.toFixed()} ms` : undefined;
}
