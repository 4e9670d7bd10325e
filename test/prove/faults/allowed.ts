/**
 * What may come of a fault: who is refused with what, and whether the process may end.
 */
import { complaintAbout } from '../child.js';
import { ORIGINS } from '../shim.js';
import type { Fault } from './fault.js';
import type { Heard, Refused } from './heard.js';
import { stopped } from './rest.js';
import type { Run } from './run.js';
import { untold } from './told.js';
import { pushesOf, SESSIONS } from './work.js';

/** How a process ends that gave up after a failed write. */
const EXIT_FAILED = 70;

/** What may come of a fault; without any of it, nothing may: each push is acknowledged, and the process ends as planned. */
export interface Allowed {
  /** Codes that a push, a create, a file or a start may be refused with, while the process goes on. */
  readonly refused?: readonly string[];
  /** Codes that a start as a whole may be refused with besides. */
  readonly opens?: readonly string[];
  /** Codes with which it may give up: all that wait are refused with it, and it ends with 70. */
  readonly givesUp?: readonly string[];
  /** Signals that may end it. */
  readonly dies?: readonly NodeJS.Signals[];
}

const NOTHING: Allowed = {};
const FAILED: Allowed = { givesUp: ['queue_read_only'] };
/** lmdb's own path for a failed write overruns a buffer: the process may end before it can say why. */
const FAILED_WRITE: Allowed = { ...FAILED, dies: ['SIGABRT', 'SIGSEGV'] };
/** A file that is being made is given up; one that is open and cannot be given room ends the process, as a failed write does. */
const UNMADE: Allowed = { refused: ['directory_unusable'], givesUp: ['queue_read_only'] };
/** A start cannot make the names in its directory durable: that nothing can be written there says enough. */
const FULL: Allowed = { refused: ['disk_full'], opens: ['directory_unusable'] };
const LATE: Allowed = { refused: ['commit_timeout'], givesUp: ['commit_timeout'] };

/** A file without a lock file cannot be opened. */
const UNLOCKED: Allowed = { refused: ['queue_unreadable'] };

/** The engine writes on the thread that serves everybody only to make a lock file; what it cannot remove there, it leaves. */
function ofLockFile({ kind, act }: Fault): Allowed {
  const fails = act === 'EIO' || act === 'ENOSPC';
  return fails && (kind === 'write' || kind === 'extend') ? UNLOCKED : NOTHING;
}

/** What may come of a fault at one call: a sum of CALLS and ORIGINS. */
function allowedAt(fault: Fault, call: number): Allowed {
  const { kind, act } = fault;
  const ofLmdb = (call & ORIGINS.engine) === 0;
  const ofPool = (call & ORIGINS.pool) !== 0;
  if (
    !ofLmdb &&
    !ofPool &&
    (kind === 'write' || kind === 'extend' || kind === 'name') &&
    act !== 'kill' &&
    act !== 'hang'
  )
    return ofLockFile(fault);
  switch (act) {
    case '100 ms':
      return NOTHING;
    case 'kill':
      return { dies: ['SIGKILL'] };
    case 'few handles':
      return { refused: ['overloaded'], opens: ['directory_unusable'] };
    case 'hang':
      return LATE;
    case 'EINTR':
      // libuv asks again, and so does LMDB for a write, but not for a sync (mdb_env_sync0): the commit fails. To give up is right
      // then, nothing is lost; ext4 does not interrupt a sync, so that it is tried but not met.
      return ofLmdb && kind === 'sync' ? FAILED : NOTHING;
    case 'cut short':
      // Everybody but LMDB writes and reads what is left; LMDB takes it for an error.
      return ofLmdb && kind === 'write' ? FAILED_WRITE : NOTHING;
    case 'ENOSPC':
      if (kind === 'sync') return ofLmdb ? FAILED : FULL;
      return FULL;
    case 'EIO':
      if (kind === 'write') return ofLmdb ? FAILED_WRITE : UNMADE;
      if (kind === 'sync') return ofLmdb ? FAILED : UNMADE;
      if (kind === 'open') return { ...UNMADE, refused: ['directory_unusable', 'queue_unreadable'] };
      if (kind === 'read') return { refused: ['queue_unreadable'] };
      return { refused: ['directory_unusable'] };
  }
}

/** What may come of a fault that struck these calls; of one that struck none, nothing. */
function allowed(fault: Fault, struck: readonly number[]): Required<Allowed> {
  const each = [...new Set(struck)].map((call) => allowedAt(fault, call));
  const all = <T>(of: (one: Allowed) => readonly T[] | undefined): T[] => each.flatMap((one) => of(one) ?? []);
  return {
    refused: all(({ refused }) => refused),
    opens: all(({ opens }) => opens),
    givesUp: all(({ givesUp }) => givesUp),
    dies: all(({ dies }) => dies),
  };
}

/**
 * Refused because an earlier push of the same producer was, while the queue went on, as one does that finds no room: once it has
 * failed, it refuses all alike.
 */
const isBehind = ({ what, code, writer }: Refused, { refused, failed }: Heard): boolean =>
  what === 'push' &&
  code === 'producer_gap' &&
  refused.some((one) => one.writer === writer && one.code !== code && one.code !== failed);

/** What must not be of a run with a fault; empty when all may be. */
export function complaints(fault: Fault, run: Run): string[] {
  const { struck, ended, heard } = run;
  const { code, signal, late } = ended;
  const { failed, refused } = heard;
  const may = allowed(fault, struck);
  const givenUp = failed === undefined ? [] : may.givesUp;
  const fits = (one: Refused): boolean =>
    [...may.refused, ...givenUp, ...(one.what === 'open' ? may.opens : [])].includes(one.code) || isBehind(one, heard);
  const unfit = refused.filter((one) => !fits(one)).map(({ what, code }) => `${what} refused with ${code}`);
  const wrong = [...new Set(unfit)];
  if (failed !== undefined && !may.givesUp.includes(failed)) wrong.push(`gave up with ${failed}`);
  if (heard.slowestMs > run.answerMs) wrong.push(`an answer took ${heard.slowestMs.toFixed()} ms`);
  if (late) return [...wrong, 'it hung'];
  const secret = untold(fault, run);
  if (secret !== undefined) wrong.push(secret);
  if (fault.act === 'kill' && struck.length > 0 && signal !== 'SIGKILL') wrong.push('the kill did not end it');
  if (failed !== undefined) {
    // One that gave up and could not exit, since a call hangs, kills itself.
    const isEnd = code === EXIT_FAILED || (fault.act === 'hang' && signal === 'SIGKILL');
    if (isEnd || (signal !== null && may.dies.includes(signal))) return wrong;
  }
  if (signal !== null && may.dies.includes(signal)) return wrong;
  const complaint = complaintAbout(ended);
  if (complaint !== undefined) return [...wrong, complaint];
  if (fault.count === 1) wrong.push(...stopped(run, fault.work));
  else if (refused.length === 0) wrong.push(...unanswered(fault, run));
  return wrong;
}

/** Where nothing is refused, all pushes are acknowledged. */
function unanswered({ work }: Fault, { heard }: Run): string[] {
  const { main, made } = pushesOf(work);
  const wanted = SESSIONS * (main + made);
  const answered = heard.sessions.reduce((sum, { acknowledged: { main, made } }) => sum + main + made, 0);
  return answered === wanted ? [] : [`${answered} of ${wanted} pushes were answered`];
}

/** Who made a call. */
export const callerOf = (call: number): string => ((call & ORIGINS.engine) === 0 ? 'of lmdb' : 'of the engine');
