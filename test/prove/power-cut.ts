/**
 * Power cuts: every call that changes a file is recorded, and replayed up to any of them with the writes that were not synced
 * there, gone, reordered or torn. Each state that comes of it is opened with the engine.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../src/errors.js';
import { PROBE, replaced } from './controls/replace.js';
import { type Candidate, type ExamineOptions, examineAll } from './examine.js';
import { Coverage } from './power-cut/coverage.js';
import { WORKLOADS, type Workload } from './power-cut/workloads.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { Session, type State } from './session.js';
import { Shim } from './shim.js';

/** States examined by one process, and processes at the same time. */
const BATCH = 50;
const WORKERS = 2;
/** At least so many states come from one recording, and it is one of at most so many. */
const SESSION_STATES = 125;
const SESSIONS = 80;
/** A control that is not caught within so many states is not caught. */
const CONTROL_STATES = 3000;
/** After so many recordings in a row that failed there are no more. */
const MOST_FAILED = 10;
/** Size in bytes of LMDB's lock file. */
const LOCK_BYTES = 8272;

/** Who opens the states: the engine as it is, or a control. */
interface Subject {
  readonly env: Readonly<Record<string, string>>;
  readonly imports: readonly string[];
}

const ENGINE: Subject = { env: {}, imports: [] };
const LMDB = { module: '/node_modules/lmdb/node-index.js', by: './lmdb.js' };
const UNSYNCED = replaced([LMDB], { noSync: true });

/** A deliberate fault, the workloads that it is looked for in, and what must be said of it. */
interface Fault {
  readonly subject: Subject;
  readonly workloads: readonly Workload[];
  readonly says: RegExp;
}

const PUSHING = WORKLOADS.slice(0, 3);
const TOLD = WORKLOADS.filter(({ plan }) => plan.named === true);
const LOST = / acknowledged id \d+ is lost/;
const CURSOR = / cursor \S+ (is gone|stands at \d+, acknowledged was \d+)/;
const REPEAT = / push \d+ of producer \S+, acknowledged as id \d+, is (not known|refused: producer_gap)/;
const FAULTS: Readonly<Record<string, Fault>> = {
  'a process that does not come to its end': {
    subject: { env: {}, imports: ['./no-such-module.js'] },
    workloads: PUSHING,
    says: /: not recorded: The recorded process ended with 1: /,
  },
  'lmdb as it opens files by default': {
    subject: replaced([LMDB, PROBE], { overlappingSync: true, safeRestore: false }),
    workloads: PUSHING,
    // What the check says does not count here: it opens files in a way that lmdb's defaults are not made for. Nor does a
    // recording that went wrong before any cut.
    says: /^(?!.*: (check: |refused while|not recorded: ))/,
  },
  'lmdb without sync, messages': { subject: UNSYNCED, workloads: PUSHING, says: LOST },
  'lmdb without sync, cursors': { subject: UNSYNCED, workloads: TOLD, says: CURSOR },
  'lmdb without sync, producers': { subject: UNSYNCED, workloads: TOLD, says: REPEAT },
  'acks stored one short': {
    subject: replaced([{ module: '/src/queue/cursors.js', by: './cursors.js' }]),
    workloads: TOLD,
    says: CURSOR,
  },
  'producers not stored': {
    subject: replaced([{ module: '/src/queue/producers.js', by: './producers.js' }]),
    workloads: TOLD,
    says: REPEAT,
  },
  'a copy and a new file whose names are not synced': {
    subject: replaced([{ module: '/src/queue/disk.js', by: './disk.js' }]),
    workloads: WORKLOADS.filter(({ plan, copies }) => copies === true || plan.deletes !== undefined),
    says: /: (made|copy)-\S+: (the queue is gone|it is another queue than the one that was made last)/,
  },
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

/** Lines of what a recording failed with that are told: of an error that nobody caught, Node says first where it was thrown. */
const MOST_LINES = 5;
const firstLines = (error: unknown): string => {
  const lines = messageOf(error)
    .split('\n')
    .map((line) => line.trim());
  return lines
    .filter((line) => line !== '')
    .slice(0, MOST_LINES)
    .join(' | ');
};

class PowerCutter {
  readonly coverage = new Coverage();
  /** States by the boot in which they were opened. */
  readonly boots = new Map<string, number>();
  readonly #shim: Shim;
  readonly #boot: readonly string[] | string;
  #sessions = 0;
  #failed = 0;
  #batches = 0;
  #states = 0;

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

  /** Whether so many recordings in a row have failed that there are to be no more. */
  get gaveUp(): boolean {
    return this.#failed >= MOST_FAILED;
  }

  /** Records one session and examines at most so many states of it. @returns what is wrong */
  async session(workload: Workload, most: number): Promise<string[]> {
    const { trial, subject, random } = this;
    const number = this.#sessions++;
    const directory = join(trial.directory, `session-${number}`);
    const seed = random.next();
    const plans = workload.lives.map((dies, life) => ({ ...workload.plan, seed, life, dies }));
    const copies = workload.copies === true;
    const title = `session ${number} (${workload.name})`;
    let session: Session;
    try {
      session = await Session.record(plans, { shim: this.#shim, directory, copies, ...subject });
    } catch (error) {
      this.#failed++;
      if (this.keep !== undefined) cpSync(directory, join(this.keep, `session-${number}`), { recursive: true });
      rmSync(directory, { recursive: true });
      return [`${title}: not recorded: ${firstLines(error)}`];
    }
    this.#failed = 0;
    const wrong = session.refused.map((code) => `${title}: refused while it was recorded: ${code}`);
    const places: number[] = [];
    let batch: Candidate[] = [];
    const busy = new Set<Promise<unknown>>();
    const examine = async (): Promise<void> => {
      const work: Promise<unknown> = this.#examine(batch, workload, wrong).finally(() => busy.delete(work));
      batch = [];
      busy.add(work);
      if (busy.size >= WORKERS) await Promise.race(busy);
    };
    for (const state of session.states(most, random.fork(number))) {
      batch.push(this.#place(state, `${title}, ${state.name}`));
      places.push(state.place);
      if (batch.length === BATCH) await examine();
    }
    if (batch.length > 0) await examine();
    await Promise.all(busy);
    this.coverage.recorded(session.calls, places);
    rmSync(directory, { recursive: true });
    return wrong;
  }

  /** Puts the files of a state where they can be opened, with a lock file as a power cut may leave it. */
  #place({ files, ledger }: State, name: string): Candidate {
    const directory = join(this.trial.memory, `state-${this.#states++}`);
    mkdirSync(directory);
    for (const [file, content] of files) {
      writeFileSync(join(directory, file), content);
      const lock = this.random.pick([undefined, 0, LOCK_BYTES]);
      if (lock !== undefined) writeFileSync(join(directory, `${file}-lock`), Buffer.alloc(lock));
    }
    return { directory, ledger, name };
  }

  async #examine(batch: readonly Candidate[], workload: Workload, wrong: string[]): Promise<void> {
    const under = typeof this.#boot !== 'string' && this.#batches++ % 2 === 0 ? this.#boot : undefined;
    const boot = under === undefined ? 'the same boot' : 'another boot';
    this.boots.set(boot, (this.boots.get(boot) ?? 0) + batch.length);
    const options: ExamineOptions = {
      keep: this.keep,
      queues: ['main'],
      life: 1000,
      ...this.subject,
      ...(under && { under }),
      hear: (examined) => this.coverage.examined(workload, examined),
    };
    wrong.push(...(await examineAll(batch, options)).map((text) => `${boot}, ${text}`));
  }
}

async function caught(trial: Trial, name: string, fault: Fault, shim: Shim): Promise<Control> {
  const { subject, workloads, says } = fault;
  const cutter = new PowerCutter(trial, subject, new Random(trial.seed).fork(2), shim, undefined);
  for (let i = 0; cutter.coverage.states < CONTROL_STATES && !cutter.gaveUp; i++) {
    const all = await cutter.session(workloads[i % workloads.length] as Workload, SESSION_STATES);
    const wrong = all.filter((text) => says.test(text));
    if (wrong.length > 0)
      return { name, caught: `${wrong.length} violations in ${cutter.coverage.states} states, such as: ${wrong[0]}` };
  }
  return { name, caught: undefined };
}

async function prove(trial: Trial): Promise<Outcome> {
  const shim = Shim.compile(trial.directory);
  const cutter = new PowerCutter(trial, ENGINE, new Random(trial.seed).fork(1), shim, trial.keep);
  const { coverage } = cutter;
  if (cutter.skipped !== undefined) trial.print(cutter.skipped);
  const share = Math.max(SESSION_STATES, Math.ceil(trial.rounds / SESSIONS));
  const violations: string[] = [];
  for (let i = 0; coverage.states < trial.rounds && performance.now() < trial.endMs && !cutter.gaveUp; i++) {
    const workload = WORKLOADS[i % WORKLOADS.length] as Workload;
    violations.push(...(await cutter.session(workload, Math.min(share, trial.rounds - coverage.states))));
    trial.progress(coverage.states, trial.rounds, `${violations.length} violations`);
  }
  violations.push(...coverage.lacks);
  const controls: Control[] = [];
  for (const [name, fault] of Object.entries(FAULTS)) controls.push(await caught(trial, name, fault, shim));
  return {
    rounds: coverage.states,
    facts: [
      ...coverage.facts,
      ...[...cutter.boots].map(([boot, n]): [string, number] => [`states opened in ${boot}`, n]),
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
