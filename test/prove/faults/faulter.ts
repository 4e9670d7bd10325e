/**
 * Runs of a process that pushes, each with one fault, and what is found of them afterwards.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ChildOptions, complaintAbout, run, start } from '../child.js';
import { type Candidate, examineAll } from '../examine.js';
import { Ledger } from '../ledger.js';
import type { Plan, Said } from '../plan.js';
import type { Trial } from '../proof.js';
import type { Random } from '../random.js';
import { CALLS, type Disturbance, readStruck, type Shim } from '../shim.js';
import { callerOf, complaints } from './allowed.js';
import { DISTURBANCES, type Fault, faultsOf, HANG_MS, inTurns, nameOf, TRIED } from './fault.js';
import { Heard } from './heard.js';
import type { Run } from './run.js';
import { CREATES, MAIN, SESSIONS, WORKS, type Work } from './work.js';

/** Longest a run may take: whether each answer comes in time is judged apart; ms. */
const DEADLINE_MS = 30_000;
const HANG_DEADLINE_MS = 90_000;
/** When all calls hang, each create of a run is answered after half a minute. */
const LASTING_DEADLINE_MS = 300_000;
/** One that gave up is killed then, as a server is: a call that hangs keeps it from ending. ms. */
const EXIT_MS = 5000;
/** Runs examined by one process, and processes at the same time; those whose disk hangs only wait, so there may be many. */
export const BATCH = 24;
const WORKERS = 3;
const HANGING = 48;
/** File handles of a process to which some are left. */
const HANDLES = 128;
const ALL_CALLS = Object.values(CALLS).reduce((sum: number, call) => sum + call, 0);

/** How long a call hangs, and when an answer is late then; ms. */
type Hang = Pick<Run, 'hangMs' | 'answerMs'>;

/** A push, an ack, a create or an open that is not answered by then has waited past its deadline. */
const DISK: Hang = { hangMs: HANG_MS, answerMs: 33_000 };

/** What a control changes. */
export interface Subject {
  readonly acknowledgesEarly?: boolean;
  /** Whether syncs that go wrong are not made, and nobody hears of it: neither lmdb nor the engine. */
  readonly isSilent?: boolean;
  /** How its processes, and those that examine what they left, are started. */
  readonly runs?: Pick<ChildOptions, 'env' | 'imports'>;
  readonly examines?: Pick<ChildOptions, 'env' | 'imports'>;
  /** Another hang than the proof's, and when an answer is late then; ms. */
  readonly hang?: Hang;
}

export interface Disturbing {
  readonly keep?: string | undefined;
  /** No run begins from then on; ms, as `performance.now()` counts. */
  readonly endMs?: number;
  readonly progress?: (done: number) => void;
}

function deadlineOf({ act, count }: Fault): number {
  if (act !== 'hang') return DEADLINE_MS;
  return count === 1 ? HANG_DEADLINE_MS : LASTING_DEADLINE_MS;
}

export class Faulter {
  /** How often a fault struck, and what came of it. */
  readonly outcomes = new Map<string, number>();
  /** By kind and act: faults that struck a call, and those whose call was never reached. */
  readonly counts = new Map<string, { struck: number; missed: number }>();
  /** Longest that a push, an ack, a create or an open took to be answered; ms. */
  slowestMs = 0;
  struck = 0;
  /** Calls of a run without a fault, of each kind of work. */
  calls: readonly number[] = [];
  #runs = 0;

  constructor(
    readonly trial: Trial,
    readonly shim: Shim,
    readonly subject: Subject = {},
  ) {}

  #plan(directory: string, { name: _, reserve, ...work }: Work, handles: number | null = null): Plan {
    const limits = { maxBytes: 128 * 1024, maxMessageBytes: 20_000, reserve };
    const { seed } = this.trial;
    const { acknowledgesEarly = false } = this.subject;
    const always = { life: 1, queues: [MAIN], most: 12, creates: CREATES, sessions: SESSIONS, dies: false };
    return { directory, seed, limits, ...always, ...work, handles, acknowledgesEarly };
  }

  #directory(): string {
    const directory = join(this.trial.directory, `run-${this.#runs++}`);
    mkdirSync(directory);
    return directory;
  }

  /** The faults that a run can meet, in random order, but each kind and act in its turn: some calls are few. */
  async faults(random: Random): Promise<Fault[]> {
    const faults: Fault[] = [];
    for (const work of WORKS) {
      const calls = await this.#callsOf(work);
      this.calls = [...this.calls, ...calls];
      faults.push(...faultsOf(work, calls));
    }
    return inTurns(faults, random);
  }

  /** The calls of a run without a fault. */
  async #callsOf(work: Work): Promise<number[]> {
    const directory = this.#directory();
    const struck = `${directory}.struck`;
    const env = this.shim.env({ directory, struck, disturb: { act: 'count=0', calls: ALL_CALLS } });
    const heard = new Heard();
    const hear = (said: unknown): void => heard.hear(said as Said);
    const ended = await run('pusher', this.#plan(directory, work), { env, deadlineMs: DEADLINE_MS, hear });
    const complaint = complaintAbout(ended) ?? heard.codes[0];
    if (complaint !== undefined) throw new Error(`Without a fault, ${work.name}: ${complaint}`);
    const calls = readStruck(struck);
    for (const path of [directory, struck]) rmSync(path, { recursive: true });
    return calls;
  }

  /** Runs with one fault. @returns what is to be examined afterwards */
  async disturb(fault: Fault, wrong: string[]): Promise<Candidate> {
    const directory = this.#directory();
    const struckFile = `${directory}.struck`;
    const ledger = new Ledger();
    const name = nameOf(fault);
    const heard = new Heard();
    let killing: NodeJS.Timeout | undefined;
    const { kind, at, act, work } = fault;
    const { hang, runs } = this.subject;
    const under = kind === 'handles' ? ['sh', '-c', 'ulimit -n "$0" && exec "$@"', String(HANDLES)] : [];
    const child = start('pusher', this.#plan(directory, work, kind === 'handles' ? at : null), {
      ...runs,
      env: { ...runs?.env, ...this.#env(fault, directory, struckFile) },
      under,
      deadlineMs: deadlineOf(fault),
      hear: (said) => {
        const now = said as Said;
        ledger.hear(now);
        heard.hear(now);
        if (now.is === 'failed' && act === 'hang') killing = setTimeout(child.kill, EXIT_MS);
      },
    });
    const ended = await child.ended;
    clearTimeout(killing);
    const struck = readStruck(struckFile);
    rmSync(struckFile, { force: true });
    this.slowestMs = Math.max(this.slowestMs, heard.slowestMs);
    const bad = complaints(fault, { struck, ended, heard, ...(hang ?? DISK) });
    wrong.push(...bad.map((text) => `${name}${struck.length === 0 ? ' (not reached)' : ''}: ${text}`));
    this.#count(fault, struck, [...heard.codes, `ended with ${ended.code ?? ended.signal}`].join(', '));
    return { directory, ledger, name };
  }

  #env({ kind, act, at, count }: Fault, directory: string, struck: string): Record<string, string> {
    if (kind === 'handles' || act === 'few handles') return this.shim.env({ directory, struck });
    const { hang, isSilent = false } = this.subject;
    const as: Disturbance = act === 'hang' && hang !== undefined ? `delay=${hang.hangMs}` : DISTURBANCES[act];
    const told = isSilent ? 'sync=0' : as;
    const only = TRIED[kind][act] ?? 0;
    return this.shim.env({ directory, struck, disturb: { act: told, calls: CALLS[kind], only, at, count } });
  }

  #count({ kind, act, count }: Fault, struck: readonly number[], outcome: string): void {
    const what = kind === 'handles' ? act : `${kind}, ${act}`;
    const counts = this.counts.get(what) ?? { struck: 0, missed: 0 };
    this.counts.set(what, counts);
    const [first] = struck;
    if (first === undefined) {
      counts.missed++;
      return;
    }
    counts.struck++;
    this.struck++;
    const row = `${what}${count === -1 && kind !== 'handles' ? ' from there on' : ''}, ${callerOf(first)}: ${outcome}`;
    this.outcomes.set(row, (this.outcomes.get(row) ?? 0) + 1);
  }

  /** Runs with each of the faults, several at a time, and examines what they leave. @returns what is wrong */
  async disturbAll(faults: readonly Fault[], options: Disturbing = {}): Promise<string[]> {
    const { keep, endMs = Number.POSITIVE_INFINITY, progress } = options;
    const wrong: string[] = [];
    const candidates: Candidate[] = [];
    const examine = async (): Promise<void> => {
      const { examines } = this.subject;
      wrong.push(...(await examineAll(candidates.splice(0), { life: 2, keep, queues: [MAIN], ...examines })));
    };
    const work = async (left: Fault[]): Promise<void> => {
      for (let fault = left.shift(); fault !== undefined && performance.now() < endMs; fault = left.shift()) {
        candidates.push(await this.disturb(fault, wrong));
        progress?.(this.struck);
        if (candidates.length >= BATCH) await examine();
      }
    };
    const hanging = faults.filter(({ act }) => act === 'hang');
    const others = faults.filter(({ act }) => act !== 'hang');
    const workers = [...Array<Fault[]>(WORKERS).fill(others), ...Array<Fault[]>(HANGING).fill(hanging)];
    await Promise.all(workers.map(work));
    await examine();
    return wrong;
  }
}
