/**
 * Power cuts on a real file system: the image of a mounted ext4 is copied while the process that pushes to it stands still, and
 * what the journal makes of the copy must hold all that was acknowledged, and every queue that was made.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { complaintAbout, run, start } from './child.js';
import type { Examination } from './children/examiner.js';
import { replaced } from './controls/replace.js';
import { type Examined, Ledger } from './ledger.js';
import type { Plan, Said } from './plan.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';
import { SmallDisk } from './small-disk.js';

const DISK_MIB = 48;
const LIMITS = { maxMessages: 2000, maxBytes: 1024 * 1024, maxMessageBytes: 64 * 1024 };
const DEADLINE_MS = 60_000;
/** What the process has said when the power goes, and how long after; ms. */
const MOMENTS = [
  { after: 'creating', withinMs: 40 },
  { after: 'pushed', withinMs: 200 },
  { after: 'pushed', withinMs: 20 },
] as const;
/** After so many cuts the file system is made anew, with new queues. */
const CUTS_EACH = 20;
const CONTROL_ROUNDS = 20;

/** How the processes are started, for the control. */
type How = Partial<ReturnType<typeof replaced>>;

class Cutter {
  readonly ledger = new Ledger();
  readonly #disk: SmallDisk;
  #life = 0;

  constructor(
    readonly directory: string,
    readonly random: Random,
    readonly how: How,
  ) {
    mkdirSync(directory);
    this.#disk = SmallDisk.make(directory, DISK_MIB);
    mkdirSync(this.#queuesOf(this.#disk));
    // The directory is there before anything is promised.
    execFileSync('sync', ['-f', this.#queuesOf(this.#disk)]);
  }

  /** Pushes, cuts, looks at the copy; then kills the process, and goes on with what that has left. @returns what is wrong */
  async round(): Promise<string[]> {
    const { wrong, cut, acknowledged } = await this.#pushAndCut();
    try {
      wrong.push(...(await this.#examine(cut, acknowledged)).map((text) => `after the cut: ${text}`));
    } finally {
      cut.remove();
    }
    wrong.push(...(await this.#examine(this.#disk, this.ledger)).map((text) => `after the kill: ${text}`));
    this.#removeMade();
    return wrong;
  }

  close(): void {
    this.#disk.remove();
    rmSync(this.directory, { recursive: true });
  }

  #queuesOf(disk: SmallDisk): string {
    return join(disk.directory, 'queues');
  }

  async #pushAndCut(): Promise<{ wrong: string[]; cut: SmallDisk; acknowledged: Ledger }> {
    const { random, ledger } = this;
    const wrong: string[] = [];
    const moment = random.pick(MOMENTS);
    const waitMs = random.below(moment.withinMs * 1000) / 1000;
    let skip = moment.after === 'pushed' ? random.below(200) : random.below(3);
    let now: () => void = () => undefined;
    const comes = new Promise<void>((resolve) => {
      now = resolve;
    });
    const plan: Plan = {
      directory: this.#queuesOf(this.#disk),
      seed: random.next(),
      life: this.#life++,
      queues: ['first', 'second'],
      limits: { ...LIMITS, reserve: random.chance(0.5) },
      writers: 4,
      inFlight: 2,
      pushes: 500,
      sessions: null,
      most: 100,
      longest: LIMITS.maxMessageBytes,
      creates: 3,
      consumers: 2,
      named: true,
      dies: false,
      handles: null,
      acknowledgesEarly: false,
    };
    const child = start('pusher', plan, {
      ...this.how,
      deadlineMs: DEADLINE_MS,
      hear: (said) => {
        const heard = said as Said;
        ledger.hear(heard);
        if (heard.is === 'refused') wrong.push(`refused: ${heard.code}`);
        if (heard.is === moment.after && skip-- === 0) setTimeout(now, waitMs);
      },
    });
    await Promise.race([comes, child.ended]);
    await child.suspend();
    const acknowledged = ledger.copy();
    const cut = this.#disk.cut(this.directory);
    child.kill();
    const ended = await child.ended;
    if (ended.signal !== 'SIGKILL' || ended.late || ended.stderr !== '') {
      wrong.push(`before the cut: ${complaintAbout(ended)}`);
    }
    return { wrong, cut, acknowledged };
  }

  async #examine(disk: SmallDisk, ledger: Ledger): Promise<string[]> {
    let examined: Examined | undefined;
    const claims = join(this.directory, 'claims.json');
    writeFileSync(claims, JSON.stringify([ledger.claims]));
    const job: Examination = { directories: [this.#queuesOf(disk)], queues: [], life: this.#life++, claims };
    const ended = await run('examiner', job, {
      deadlineMs: DEADLINE_MS,
      hear: (said) => {
        if ((said as { is?: string }).is === 'examined') examined = said as Examined;
      },
    });
    const complaint = complaintAbout(ended);
    const wrong = complaint === undefined ? [] : [`opening it again: ${complaint}`];
    if (examined === undefined) return wrong;
    wrong.push(...ledger.judge(examined));
    if (ledger === this.ledger) ledger.settle(examined);
    return wrong;
  }

  #removeMade(): void {
    const directory = this.#queuesOf(this.#disk);
    for (const file of readdirSync(directory).filter((name) => name.startsWith('made-'))) {
      rmSync(join(directory, file));
      this.ledger.forget(file.replace(/\.rot(-lock)?$/, ''));
    }
  }
}

/** Does so many rounds; `each` is told what was wrong in one, and says whether to go on. */
async function rounds(
  trial: Trial,
  { count, name, how }: { count: number; name: string; how: How },
  each: (wrong: string[], done: number, messages: number) => boolean,
): Promise<void> {
  const random = new Random(trial.seed).fork(name.length);
  let messages = 0;
  for (let done = 0; done < count; ) {
    const cutter = new Cutter(join(trial.directory, `${name}-${done}`), random.fork(done), how);
    try {
      for (let i = 0; i < CUTS_EACH && done < count; i++) {
        const before = cutter.ledger.messages;
        const wrong = await cutter.round();
        messages += cutter.ledger.messages - before;
        if (!each(wrong, ++done, messages)) return;
      }
    } finally {
      cutter.close();
    }
  }
}

/** What must be said of lmdb that never syncs: some cut loses what was acknowledged, of each kind. */
const LOSSES: Readonly<Record<string, RegExp>> = {
  messages: / acknowledged id \d+ is lost/,
  cursors: / cursor \S+ (is gone|stands at)/,
  producers: / push \d+ of producer \S+, acknowledged as id \d+, is (not known|refused: producer_gap)/,
};

async function unsynced(trial: Trial): Promise<Control[]> {
  const caught = new Map<string, string>();
  const how = replaced([{ module: '/node_modules/lmdb/node-index.js', by: './lmdb.js' }], { noSync: true });
  await rounds(trial, { count: CONTROL_ROUNDS, name: 'control', how }, (wrong, done) => {
    for (const [kind, says] of Object.entries(LOSSES)) {
      const first = wrong.find((text) => text.startsWith('after the cut') && says.test(text));
      if (first !== undefined && !caught.has(kind)) caught.set(kind, `cut ${done}: ${first}`);
    }
    return caught.size < Object.keys(LOSSES).length;
  });
  return Object.keys(LOSSES).map((kind) => ({ name: `lmdb without sync, ${kind}`, caught: caught.get(kind) }));
}

async function prove(trial: Trial): Promise<Outcome> {
  const violations: string[] = [];
  let cuts = 0;
  let acknowledged = 0;
  await rounds(trial, { count: trial.rounds, name: 'cuts', how: {} }, (wrong, done, messages) => {
    violations.push(...wrong.map((text) => `cut ${done}: ${text}`));
    cuts = done;
    acknowledged = messages;
    trial.progress(done, trial.rounds, `${messages} messages acknowledged`);
    return performance.now() < trial.endMs;
  });
  return {
    rounds: cuts,
    facts: [['messages acknowledged', acknowledged]],
    violations,
    controls: await unsynced(trial),
  };
}

export const imageCuts: Proof = {
  about: 'power cuts on a real ext4: its image copied while the process that pushes stands still; for root',
  round: 'cuts',
  rounds: 300,
  run: prove,
};
