/**
 * Power cuts: every call that changes a file is recorded, and replayed up to any of them with the writes that were not synced
 * there, gone, reordered or torn. Each state that comes of it is opened with the engine.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROBE, replaced } from './controls/replace.js';
import { type Candidate, type ExamineOptions, examineAll } from './examine.js';
import type { Plan } from './plan.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { Session, type State } from './session.js';
import { Shim } from './shim.js';

const KIB = 1024;
/** States examined by one process, and processes at the same time. */
const BATCH = 50;
const WORKERS = 2;
/** At least so many states come from one recording, and it is one of at most so many. */
const SESSION_STATES = 250;
const SESSIONS = 80;
/** A control that is not caught within so many states is not caught. */
const CONTROL_STATES = 3000;
/** Size in bytes of LMDB's lock file. */
const LOCK_BYTES = 8272;

interface Workload {
  readonly name: string;
  readonly plan: Omit<Plan, 'directory' | 'seed' | 'life' | 'dies'>;
  /** Whether each process of it is killed. */
  readonly lives: readonly boolean[];
}

const BASE = {
  queues: ['main'],
  writers: 4,
  inFlight: 2,
  sessions: 1,
  creates: 0,
  handles: null,
  acknowledgesEarly: false,
};
const WORKLOADS: readonly Workload[] = [
  {
    name: 'small pushes, folded',
    plan: {
      ...BASE,
      pushes: 25,
      most: 4,
      longest: 120,
      limits: { maxMessages: 150, maxBytes: 64 * KIB, maxMessageBytes: 2 * KIB },
    },
    lives: [true, true, false],
  },
  {
    name: 'mixed, rotating by bytes',
    plan: {
      ...BASE,
      pushes: 15,
      most: 20,
      longest: 30 * KIB,
      limits: { maxBytes: 256 * KIB, maxMessageBytes: 32 * KIB },
    },
    lives: [true, true, true, false],
  },
  {
    name: 'large, no reserve',
    plan: {
      ...BASE,
      pushes: 6,
      most: 4,
      longest: 300 * KIB,
      limits: { maxBytes: 1024 * KIB, maxMessageBytes: 300 * KIB, reserve: false },
    },
    lives: [true, false],
  },
  {
    name: 'creating',
    plan: {
      ...BASE,
      pushes: 3,
      most: 4,
      longest: KIB,
      sessions: 2,
      creates: 2,
      limits: { maxMessages: 20, maxBytes: 16 * KIB, maxMessageBytes: KIB },
    },
    lives: [false, true, false],
  },
];

/** Who opens the states: the engine as it is, or a control. */
interface Subject {
  readonly env: Readonly<Record<string, string>>;
  readonly imports: readonly string[];
}

const ENGINE: Subject = { env: {}, imports: [] };
const LMDB = { module: '/node_modules/lmdb/node-index.js', by: './lmdb.js' };
const CONTROLS: Readonly<Record<string, Subject>> = {
  'lmdb as it opens files by default': replaced([LMDB, PROBE], { overlappingSync: true, safeRestore: false }),
  'lmdb without sync': replaced([LMDB], { noSync: true }),
};

/** How to run a process so that it believes that the machine was started anew, or why that cannot be. */
function anotherBoot(directory: string): readonly string[] | string {
  const id = join(directory, 'boot-id');
  writeFileSync(id, `${crypto.randomUUID()}\n`);
  const under = ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"', id];
  const { status } = spawnSync('unshare', [...under.slice(1), 'true']);
  return status === 0
    ? under
    : 'states of another boot are skipped: only root can make them (unshare -m, mount --bind)';
}

class PowerCutter {
  states = 0;
  calls = 0;
  readonly kinds = new Map<string, number>();
  readonly #shim: Shim;
  readonly #boot: readonly string[] | string;
  #sessions = 0;
  #batches = 0;

  constructor(
    readonly trial: Trial,
    readonly subject: Subject,
    readonly random: Random,
    shim: Shim,
    readonly keep: string | undefined,
  ) {
    this.#shim = shim;
    this.#boot = anotherBoot(trial.directory);
  }

  /** Why states of another boot are not tried, if so. */
  get skipped(): string | undefined {
    return typeof this.#boot === 'string' ? this.#boot : undefined;
  }

  /** Records one session and examines at most so many states of it. @returns what is wrong */
  async session(workload: Workload, most: number): Promise<string[]> {
    const { trial, subject, random } = this;
    const number = this.#sessions++;
    const directory = join(trial.directory, `session-${number}`);
    const seed = random.next();
    const plans = workload.lives.map((dies, life) => ({ ...workload.plan, seed, life, dies }));
    const session = await Session.record(plans, { shim: this.#shim, directory, ...subject });
    this.calls += session.calls;
    const wrong: string[] = [];
    let batch: Candidate[] = [];
    const busy = new Set<Promise<unknown>>();
    const examine = async (): Promise<void> => {
      const work: Promise<unknown> = this.#examine(batch, wrong).finally(() => busy.delete(work));
      batch = [];
      busy.add(work);
      if (busy.size >= WORKERS) await Promise.race(busy);
    };
    for (const state of session.states(most, random.fork(number))) {
      batch.push(this.#place(state, `session ${number} (${workload.name}), ${state.name}`));
      if (batch.length === BATCH) await examine();
    }
    if (batch.length > 0) await examine();
    await Promise.all(busy);
    rmSync(directory, { recursive: true });
    return wrong;
  }

  /** Puts the files of a state where they can be opened, with a lock file as a power cut may leave it. */
  #place({ files, ledger }: State, name: string): Candidate {
    const directory = join(this.trial.memory, `state-${this.states++}`);
    mkdirSync(directory);
    for (const [file, content] of files) {
      writeFileSync(join(directory, file), content);
      const lock = this.random.pick([undefined, 0, LOCK_BYTES]);
      if (lock !== undefined) writeFileSync(join(directory, `${file}-lock`), Buffer.alloc(lock));
    }
    return { directory, ledger, name };
  }

  async #examine(batch: readonly Candidate[], wrong: string[]): Promise<void> {
    const under = typeof this.#boot !== 'string' && this.#batches++ % 2 === 0 ? this.#boot : undefined;
    const boot = under === undefined ? 'the same boot' : 'another boot';
    this.kinds.set(boot, (this.kinds.get(boot) ?? 0) + batch.length);
    const options: ExamineOptions = {
      keep: this.keep,
      queues: ['main'],
      life: 1000,
      ...this.subject,
      ...(under && { under }),
    };
    wrong.push(...(await examineAll(batch, options)).map((text) => `${boot}, ${text}`));
  }
}

async function caught(trial: Trial, name: string, subject: Subject, shim: Shim): Promise<Control> {
  const cutter = new PowerCutter(trial, subject, new Random(trial.seed).fork(2), shim, undefined);
  for (let i = 0; cutter.states < CONTROL_STATES; i++) {
    // What the check says does not count here: it opens files in a way that lmdb's defaults are not made for.
    const all = await cutter.session(WORKLOADS[i % 3] as Workload, SESSION_STATES);
    const wrong = all.filter((text) => !text.includes(': check: '));
    if (wrong.length > 0)
      return { name, caught: `${wrong.length} violations in ${cutter.states} states, such as: ${wrong[0]}` };
  }
  return { name, caught: undefined };
}

async function prove(trial: Trial): Promise<Outcome> {
  const shim = Shim.compile(trial.directory);
  const cutter = new PowerCutter(trial, ENGINE, new Random(trial.seed).fork(1), shim, trial.keep);
  if (cutter.skipped !== undefined) trial.print(cutter.skipped);
  const share = Math.max(SESSION_STATES, Math.ceil(trial.rounds / SESSIONS));
  const violations: string[] = [];
  let sessions = 0;
  while (cutter.states < trial.rounds && performance.now() < trial.endMs) {
    const workload = WORKLOADS[sessions++ % WORKLOADS.length] as Workload;
    violations.push(...(await cutter.session(workload, Math.min(share, trial.rounds - cutter.states))));
    trial.progress(cutter.states, trial.rounds, `${violations.length} violations`);
  }
  const controls: Control[] = [];
  for (const [name, subject] of Object.entries(CONTROLS)) controls.push(await caught(trial, name, subject, shim));
  return {
    rounds: cutter.states,
    facts: [
      ['recordings', sessions],
      ['records of calls', cutter.calls],
      ...[...cutter.kinds].map(([boot, states]): [string, number] => [`states opened in ${boot}`, states]),
    ],
    violations,
    controls,
  };
}

export const powerCut: Proof = {
  about: 'power cuts: recorded writes replayed, those not synced dropped, reordered and torn',
  round: 'states',
  rounds: 5000,
  run: prove,
};
