/**
 * What can go wrong at one call.
 */
import type { Random } from '../random.js';
import { CALLS, type Disturbance, ORIGINS } from '../shim.js';
import type { Work } from './work.js';

export const EIO = 5;
export const EINTR = 4;
export const ENOSPC = 28;
/** A disk that hangs for so long has been given up; ms. */
export const HANG_MS = 45_000;

/** With so many file handles left nothing runs short. */
const ENOUGH_HANDLES = 16;

export type Kind = Exclude<keyof typeof CALLS, 'truncate'>;
export type Act = 'EIO' | 'ENOSPC' | 'EINTR' | 'cut short' | '100 ms' | 'hang' | 'kill' | 'few handles';

/** One thing that goes wrong: at one call only, or at all from it on; or too few file handles, given as their number. */
export interface Fault {
  readonly kind: Kind | 'handles';
  readonly act: Act;
  readonly at: number;
  readonly count: 1 | -1;
  /** What the process does that it happens to. */
  readonly work: Work;
}

/** How the shim is told. */
export const DISTURBANCES: Readonly<Record<Exclude<Act, 'few handles'>, Disturbance>> = {
  EIO: `errno=${EIO}`,
  ENOSPC: `errno=${ENOSPC}`,
  EINTR: `errno=${EINTR}`,
  'cut short': `short=${EIO}`,
  '100 ms': 'delay=100',
  hang: `delay=${HANG_MS}`,
  kill: 'kill=9',
};

/**
 * Files are opened, read and named by the engine and by lmdb. Errors of lmdb's own opens end the process, which the engine
 * cannot help. What hangs on the thread that serves everybody cannot be answered in time: of writes and syncs there are none but those
 * of lock files.
 */
const { engine, pool } = ORIGINS;
const ANY = 0;

/** What is tried at which calls: the sum of origins that a call must have. */
export const TRIED: Readonly<Record<Kind, Partial<Record<Exclude<Act, 'few handles'>, number>>>> = {
  write: { EIO: ANY, EINTR: ANY, 'cut short': ANY, '100 ms': ANY, hang: pool, kill: ANY },
  // Room once given is never taken away, so only these meet a full disk.
  extend: { ENOSPC: ANY },
  sync: { EIO: ANY, EINTR: ANY, ENOSPC: ANY, '100 ms': ANY, hang: ANY, kill: ANY },
  name: { EIO: ANY, ENOSPC: ANY, '100 ms': ANY, hang: pool, kill: ANY },
  open: { EIO: engine, '100 ms': ANY, hang: engine | pool, kill: ANY },
  read: { EIO: engine, 'cut short': engine, '100 ms': ANY, hang: engine | pool },
};

/** What may last, unlike an interrupted call. */
const LASTING: ReadonlySet<Act> = new Set<Act>(['EIO', 'ENOSPC', 'hang']);

const isOf = (call: number, kind: Kind, only: number): boolean => (call & CALLS[kind]) !== 0 && (call & only) === only;

/** Every fault that can happen in a run that did this work with these calls. */
export function faultsOf(work: Work, calls: readonly number[]): Fault[] {
  const faults: Fault[] = [];
  for (const [kind, acts] of Object.entries(TRIED) as Array<[Kind, (typeof TRIED)[Kind]]>) {
    for (const [act, only] of Object.entries(acts) as Array<[Act, number]>) {
      const many = calls.filter((call) => isOf(call, kind, only)).length;
      for (let at = 0; at < many; at++) {
        faults.push({ kind, act, at, count: 1, work });
        if (LASTING.has(act)) faults.push({ kind, act, at, count: -1, work });
      }
    }
  }
  for (let at = 0; at < ENOUGH_HANDLES; at++) faults.push({ kind: 'handles', act: 'few handles', at, count: -1, work });
  return faults;
}

/** In random order, but one of each kind and act after the other. */
export function inTurns(faults: readonly Fault[], random: Random): Fault[] {
  const turns = new Map<string, number>();
  return faults
    .map((fault) => ({ fault, order: random.next() }))
    .sort((a, b) => a.order - b.order)
    .map(({ fault }) => {
      const what = `${fault.kind} ${fault.act} ${fault.count}`;
      const turn = turns.get(what) ?? 0;
      turns.set(what, turn + 1);
      return { fault, turn };
    })
    .sort((a, b) => a.turn - b.turn)
    .map(({ fault }) => fault);
}

/** Calls on the thread that serves everybody, where no hang is tried. */
export const unanswerable = (calls: readonly number[], kind: Kind): number =>
  calls.filter((call) => isOf(call, kind, ANY) && (call & pool) === 0).length;

/** Calls that there must not be on that thread: writes of lmdb, syncs, and more writes than lock files are made. */
export function unfit(calls: readonly number[], lockFiles: number): number {
  const held = calls.filter((call) => (call & pool) === 0);
  const writes = held.filter((call) => isOf(call, 'write', engine)).length;
  const others = held.filter(
    (call) => isOf(call, 'sync', ANY) || (isOf(call, 'write', ANY) && !isOf(call, 'write', engine)),
  );
  return others.length + Math.max(0, writes - lockFiles);
}

export const nameOf = ({ kind, act, at, count, work }: Fault): string =>
  kind === 'handles'
    ? `only ${at} more file handles, ${work.name}`
    : `${act} at ${kind} ${at}${count === -1 ? ' and all after' : ''}, ${work.name}`;
