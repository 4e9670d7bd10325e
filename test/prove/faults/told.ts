/**
 * That somebody is told of a write or a sync that failed. What it should have made durable is in the memory of the machine, and is
 * found there afterwards: whoever took it for durable would not be noticed by what he left.
 */
import { CALLS, ORIGINS } from '../shim.js';
import type { Act, Fault } from './fault.js';
import type { Run } from './run.js';

/** What keeps a write, or a sync, from being done; or from being done in time. */
const LMDB_FAILS: ReadonlySet<Act> = new Set<Act>(['EIO', 'ENOSPC', 'EINTR', 'cut short', 'hang']);
/** Node asks again after EINTR, and writes what is left. */
const ENGINE_FAILS: ReadonlySet<Act> = new Set<Act>(['EIO', 'ENOSPC', 'hang']);
const { engine, mark } = ORIGINS;

/** What lmdb writes and syncs is a commit: when that fails, the process gives up. An interrupted write is made again by lmdb, too. */
const endsIt = (act: Act, call: number): boolean =>
  (call & engine) === 0 &&
  (call & (CALLS.write | CALLS.sync)) !== 0 &&
  LMDB_FAILS.has(act) &&
  !(act === 'EINTR' && (call & CALLS.write) !== 0);

/** The engine syncs what it makes for somebody, but for its marks: it does without them, and tries again (seen-mark.ts). */
const isFor = (act: Act, call: number): boolean =>
  (call & engine) !== 0 && (call & CALLS.sync) !== 0 && (call & mark) === 0 && ENGINE_FAILS.has(act);

/** Who was not told, if anybody. */
export function untold({ act }: Fault, { struck, ended, heard, hangMs }: Run): string | undefined {
  const { failed, refused, slowestMs } = heard;
  if (failed !== undefined || ended.signal !== null || ended.late) return undefined;
  // An answer that came behind the hang came when all was done.
  if (act === 'hang' && slowestMs >= hangMs) return undefined;
  const what = act === 'hang' ? 'a hang' : 'a failure';
  if (struck.some((call) => endsIt(act, call))) return `${what} of a commit was told to nobody`;
  if (struck.some((call) => isFor(act, call)) && refused.length === 0)
    return `${what} of a sync of the engine was told to nobody`;
  return undefined;
}
