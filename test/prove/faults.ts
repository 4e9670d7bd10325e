/**
 * One fault at one call of a run: the run must go on or end cleanly, and must never have acknowledged what a restart does not
 * find.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { complaintAbout, type Ended, run } from './child.js';
import { type Candidate, examineAll } from './examine.js';
import { Ledger } from './ledger.js';
import type { Plan, Said } from './plan.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { countExtending, type Event, readRecording } from './recording.js';
import { CALLS, type Disturbance, Shim } from './shim.js';

const EIO = 5;
const EINTR = 4;
const ENOSPC = 28;
/** A disk that hangs for so long has been given up; ms. */
const HANG_MS = 45_000;
/** Longest a run may take: faults other than a hanging disk must not make it slow; ms. */
const DEADLINE_MS = 15_000;
const HANG_DEADLINE_MS = 60_000;
/** A push or a create that is not answered by then has waited past its deadline; ms. */
const ANSWER_MS = 33_000;
/** Runs examined by one process, and processes at the same time; those whose disk hangs only wait, so there may be many. */
const BATCH = 24;
const WORKERS = 3;
const HANGING = 48;
const CONTROL_ROUNDS = 48;
/** How a run may end: as planned, given up after a failed write, killed when that takes too long, killed by the fault. */
const EXIT_FAILED = 70;
const LMDB_DEATHS = new Set<NodeJS.Signals>(['SIGABRT', 'SIGSEGV']);
/** What a create, a push or an open may be refused with when a call fails. */
const REFUSALS = new Set([
  'commit_timeout',
  'directory_unusable',
  'disk_full',
  'not_a_rot_file',
  'overloaded',
  'queue_not_found',
  'queue_read_only',
  'queue_unreadable',
]);

/** With so many file handles left nothing runs short; and how many there are at all. */
const ENOUGH_HANDLES = 16;
const HANDLES = 128;
/** Errors that last, unlike an interrupted call. */
const LASTING = new Set<string>([`errno=${EIO}`, `errno=${ENOSPC}`]);

type Kind = keyof typeof CALLS;

/** One thing that goes wrong: at one call only, or at all from it on; or too few file handles, given as their number. */
interface Fault {
  readonly kind: Kind | 'handles';
  readonly act: Disturbance | 'none';
  readonly at: number;
  readonly count: 1 | -1;
}

const HANG: Disturbance = `delay=${HANG_MS}`;
const ACTS: Readonly<Record<Kind, readonly Disturbance[]>> = {
  write: [`errno=${EIO}`, `errno=${EINTR}`, `short=${EIO}`, 'delay=100', HANG, 'kill=9'],
  // Room once given is never taken away, so only these meet a full disk.
  extend: [`errno=${ENOSPC}`],
  sync: [`errno=${EIO}`, `errno=${EINTR}`, `errno=${ENOSPC}`, 'delay=100', HANG, 'kill=9'],
  name: [`errno=${EIO}`, `errno=${ENOSPC}`, 'kill=9'],
  // An error of an open within lmdb ends the process, which the engine cannot help: too few handles are tried instead.
  open: ['kill=9'],
  truncate: [],
};
/** How the acts are counted. */
const WORDS: ReadonlyArray<readonly [act: Fault['act'], words: string]> = [
  [`errno=${EIO}`, 'EIO'],
  [`errno=${ENOSPC}`, 'ENOSPC'],
  [`errno=${EINTR}`, 'EINTR'],
  [`short=${EIO}`, 'a short write'],
  ['delay=100', '100 ms late'],
  [HANG, 'hung'],
  ['kill=9', 'the last call'],
  ['none', 'few file handles'],
];
const BEGINS: Readonly<Record<Kind, string>> = {
  write: 'W',
  extend: '',
  sync: 'FD',
  name: 'LU',
  open: 'OCT',
  truncate: '',
};

/** Every fault that can happen at the calls of a recorded run. */
function faultsOf(events: readonly Event[]): Fault[] {
  const faults = (Object.keys(CALLS) as Kind[]).flatMap((kind) => {
    const begun = events.filter(({ type }) => BEGINS[kind].includes(type)).length;
    const calls = kind === 'extend' ? countExtending(events) : begun;
    return ACTS[kind].flatMap((act) =>
      Array.from({ length: calls }, (_, at) => at).flatMap((at): Fault[] => {
        const once: Fault = { kind, act, at, count: 1 };
        return LASTING.has(act) ? [once, { ...once, count: -1 }] : [once];
      }),
    );
  });
  for (let at = 0; at < ENOUGH_HANDLES; at++) faults.push({ kind: 'handles', act: 'none', at, count: -1 });
  return faults;
}

const nameOf = ({ kind, act, at, count }: Fault): string =>
  kind === 'handles'
    ? `only ${at} more file handles`
    : `${act} at ${kind} ${at}${count === -1 ? ' and all after' : ''}`;

class Faulter {
  readonly tally = new Map<string, number>();
  readonly acts = new Map<Fault['act'], number>();
  /** Longest that a push, a create or an open took to be answered; ms. */
  slowestMs = 0;
  readonly #shim: Shim;
  #runs = 0;

  constructor(
    readonly trial: Trial,
    readonly acknowledgesEarly: boolean,
    shim: Shim,
  ) {
    this.#shim = shim;
  }

  #plan(directory: string, handles: number | null = null): Plan {
    const limits = { maxBytes: 128 * 1024, maxMessageBytes: 20_000, reserve: this.#runs % 2 === 0 };
    const { seed } = this.trial;
    const work = {
      writers: 1,
      inFlight: 1,
      pushes: 8,
      most: 12,
      longest: 20_000,
      creates: 1,
      sessions: 2,
      dies: false,
      handles,
    };
    return { directory, seed, life: 1, queues: ['main'], limits, ...work, acknowledgesEarly: this.acknowledgesEarly };
  }

  #directory(): string {
    const directory = join(this.trial.directory, `run-${this.#runs++}`);
    mkdirSync(directory);
    return directory;
  }

  /** The faults that a run can meet, in random order; too few file handles first, as they are few. */
  async faults(random: Random): Promise<Fault[]> {
    const directory = this.#directory();
    const log = join(this.trial.directory, 'log');
    const env = this.#shim.env({ directory, log });
    const ended = await run('pusher', this.#plan(directory), { env, deadlineMs: DEADLINE_MS });
    if (complaintAbout(ended) !== undefined) throw new Error(`Without a fault: ${complaintAbout(ended)}`);
    const faults = faultsOf(readRecording(log));
    rmSync(directory, { recursive: true });
    return faults
      .map((fault) => ({ fault, order: fault.kind === 'handles' ? -1 : random.next() }))
      .sort((a, b) => a.order - b.order)
      .map(({ fault }) => fault);
  }

  /** Runs with one fault. @returns what is to be examined afterwards */
  async disturb(fault: Fault, wrong: string[]): Promise<Candidate> {
    const directory = this.#directory();
    const ledger = new Ledger();
    const name = nameOf(fault);
    const refused: string[] = [];
    const { kind, act, at } = fault;
    const env =
      act === 'none' || kind === 'handles'
        ? {}
        : this.#shim.env({ directory, disturb: { ...fault, act, calls: CALLS[kind] } });
    const under = kind === 'handles' ? ['sh', '-c', 'ulimit -n "$0" && exec "$@"', String(HANDLES)] : [];
    const began = performance.now();
    const ended = await run('pusher', this.#plan(directory, kind === 'handles' ? at : null), {
      env,
      under,
      deadlineMs: fault.act === HANG ? HANG_DEADLINE_MS : DEADLINE_MS,
      hear: (said) => {
        const now = said as Said;
        ledger.hear(now);
        if (now.is === 'refused' || now.is === 'failed') refused.push(now.code);
        if ('ms' in now) this.slowestMs = Math.max(this.slowestMs, now.ms);
        if ('ms' in now && now.ms > ANSWER_MS) wrong.push(`${name}: a push or a create waited ${now.ms.toFixed()} ms`);
      },
    });
    const seconds = (performance.now() - began) / 1000;
    const fitting = (code: string): boolean => (kind === 'extend' ? code === 'disk_full' : REFUSALS.has(code));
    const bad = refused.filter((code) => !fitting(code));
    if (bad.length > 0) wrong.push(`${name}: refused with ${bad[0]?.split('\n')[0]}`);
    const complaint = badEnd(fault, ended);
    if (complaint !== undefined) wrong.push(`${name}: ${complaint} after ${seconds.toFixed(1)} s`);
    this.#count(fault, ended, refused);
    return { directory, ledger, name };
  }

  #count({ kind, act, count }: Fault, { code, signal }: Ended, refused: readonly string[]): void {
    const what = kind === 'handles' ? 'few file handles' : `${kind} ${act}${count === -1 ? ' from there on' : ''}`;
    const end = refused.length > 0 ? `${refused[0]?.split(',')[0]}, ended with` : 'ended with';
    const row = `${what}: ${end} ${code ?? signal}`;
    this.tally.set(row, (this.tally.get(row) ?? 0) + 1);
    this.acts.set(act, (this.acts.get(act) ?? 0) + 1);
  }
}

function badEnd({ kind, act }: Fault, ended: Ended): string | undefined {
  const { code, signal, late } = ended;
  if (late) return 'it hung';
  if (code === 0 || code === EXIT_FAILED) return undefined;
  // A process that gave up and could not exit kills itself.
  if (signal === 'SIGKILL' && (act === 'kill=9' || act.startsWith('delay'))) return undefined;
  // lmdb's own path for a failed write overruns a buffer: the process may end before it can say why.
  const failsWrite = kind === 'write' && (act === `errno=${EIO}` || act === `short=${EIO}`);
  if (signal !== null && LMDB_DEATHS.has(signal) && failsWrite) return undefined;
  return complaintAbout(ended);
}

interface Disturbing {
  readonly keep?: string | undefined;
  /** No run begins from then on; ms, as `performance.now()` counts. */
  readonly endMs?: number;
  readonly progress?: (done: number) => void;
}

/** Runs with each of the faults, several at a time, and examines what they leave. @returns runs done, and what is wrong */
async function disturbAll(
  faulter: Faulter,
  faults: readonly Fault[],
  { keep, endMs = Number.POSITIVE_INFINITY, progress }: Disturbing = {},
): Promise<{ done: number; wrong: string[] }> {
  const wrong: string[] = [];
  const candidates: Candidate[] = [];
  let done = 0;
  const examine = async (): Promise<void> => {
    wrong.push(...(await examineAll(candidates.splice(0), { life: 2, keep })));
  };
  const work = async (left: Fault[]): Promise<void> => {
    for (let fault = left.shift(); fault !== undefined && performance.now() < endMs; fault = left.shift()) {
      candidates.push(await faulter.disturb(fault, wrong));
      progress?.(++done);
      if (candidates.length >= BATCH) await examine();
    }
  };
  const hanging = faults.filter(({ act }) => act === HANG);
  const others = faults.filter(({ act }) => act !== HANG);
  const workers = [...Array<Fault[]>(WORKERS).fill(others), ...Array<Fault[]>(HANGING).fill(hanging)];
  await Promise.all(workers.map(work));
  await examine();
  return { done, wrong };
}

/** The process acknowledges before a push is durable: after some fault one must be missing. */
async function early(trial: Trial, shim: Shim): Promise<Control> {
  const name = 'acknowledged before it is durable';
  const faulter = new Faulter(trial, true, shim);
  const faults = (await faulter.faults(new Random(trial.seed).fork(2))).filter(
    ({ kind, act }) => kind === 'write' && act === `errno=${EIO}`,
  );
  for (let at = 0; at < CONTROL_ROUNDS; at += BATCH) {
    const all = await disturbAll(faulter, faults.slice(at, at + BATCH));
    const wrong = all.wrong.filter((text) => /acknowledged id \d+ is lost/.test(text));
    if (wrong.length > 0)
      return { name, caught: `${wrong.length} violations in ${at + BATCH} runs, such as: ${wrong[0]}` };
  }
  return { name, caught: undefined };
}

async function prove(trial: Trial): Promise<Outcome> {
  const shim = Shim.compile(trial.directory);
  const faulter = new Faulter(trial, false, shim);
  const all = await faulter.faults(new Random(trial.seed).fork(1));
  trial.print(`${all.length} faults are possible at the calls of one run`);
  const faults = Array.from({ length: trial.rounds }, (_, i) => all[i % all.length] as Fault);
  const { done, wrong } = await disturbAll(faulter, faults, {
    keep: trial.keep,
    endMs: trial.endMs,
    progress: (done) => trial.progress(done, trial.rounds),
  });
  return {
    rounds: done,
    facts: [
      ...WORDS.map(([act, words]): [string, number] => [words, faulter.acts.get(act) ?? 0]),
      ['longest until an answer, ms', Math.ceil(faulter.slowestMs)],
      ...[...faulter.tally].sort(),
    ],
    violations: wrong,
    controls: [await early(trial, shim)],
  };
}

export const faults: Proof = {
  about: 'one fault at one call: an error, a short write, a delay, a hang, a kill',
  round: 'faults',
  rounds: 300,
  run: prove,
};
