/**
 * Kill -9 of a process that pushes from eight writers, at random moments, round after round on the same files.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { complaintAbout, run, start } from './child.js';
import { type Found, judge } from './judge.js';
import { type Examined, Ledger } from './ledger.js';
import type { Plan, Said } from './plan.js';
import type { Control, Outcome, Proof, Trial } from './proof.js';
import { Random } from './random.js';

/** Rotated by bytes, rotated by count: small, so that both happen in every round. */
const LIMITS = { maxMessages: 2000, maxBytes: 1024 * 1024, maxMessageBytes: 64 * 1024 };
/** Longest a round may take before it counts as hung; ms. */
const DEADLINE_MS = 60_000;
/** The control gets so many rounds to be caught. */
const CONTROL_ROUNDS = 20;

/** What the process is doing when it is killed: some time after it says so, at most so many ms. */
const MOMENTS = [
  { after: 'opening', withinMs: 40, weight: 2 },
  { after: 'creating', withinMs: 40, weight: 3 },
  { after: 'pushed', withinMs: 300, weight: 4 },
  { after: 'closing', withinMs: 15, weight: 2 },
] as const;
const WEIGHTED = MOMENTS.flatMap((moment) => Array.from({ length: moment.weight }, () => moment));

interface Tally {
  /** Kills, by what the process had said last. */
  readonly kills: Map<string, number>;
  readonly ledger: Ledger;
  rotated: number;
}

class Crasher {
  readonly tally: Tally = { kills: new Map(), ledger: new Ledger(), rotated: 0 };
  /** What the last examination found. */
  last: readonly Found[] = [];
  #life = 0;

  constructor(
    readonly directory: string,
    readonly random: Random,
    readonly acknowledgesEarly: boolean,
  ) {
    mkdirSync(directory);
  }

  /** Pushes until killed, then looks at what is left. @returns what is wrong */
  async round(): Promise<string[]> {
    const wrong = await this.#pushAndKill();
    let examined: Examined | undefined;
    const job = { directories: [this.directory], queues: [], life: this.#life++ };
    const ended = await run('examiner', job, {
      deadlineMs: DEADLINE_MS,
      hear: (said) => {
        if ((said as { is?: string }).is === 'examined') examined = said as Examined;
      },
    });
    const complaint = complaintAbout(ended);
    if (complaint !== undefined) wrong.push(`opening it again: ${complaint}`);
    if (examined !== undefined) this.#judge(examined, wrong);
    this.#removeMade(wrong);
    return wrong;
  }

  async #pushAndKill(): Promise<string[]> {
    const { random, directory, acknowledgesEarly, tally } = this;
    const wrong: string[] = [];
    const moment = random.pick(WEIGHTED);
    const wait = random.below(moment.withinMs * 1000) / 1000;
    // Not always the first time: then it is the process's later opening or closing that is cut.
    let skip = moment.after === 'pushed' ? random.below(40) : random.below(3);
    let last = 'starting';
    let timer: NodeJS.Timeout | undefined;
    const plan: Plan = {
      directory,
      seed: random.next(),
      life: this.#life++,
      queues: ['first', 'second', 'third'],
      limits: { ...LIMITS, reserve: random.chance(0.5) },
      // The control must know the ids beforehand: then nothing is pushed at the same time.
      writers: acknowledgesEarly ? 3 : 8,
      inFlight: acknowledgesEarly ? 1 : 3,
      pushes: random.spread(2, 60),
      sessions: null,
      most: 200,
      longest: LIMITS.maxMessageBytes,
      creates: moment.after === 'creating' ? 2 : 0,
      dies: false,
      handles: null,
      acknowledgesEarly,
    };
    const child = start('pusher', plan, {
      deadlineMs: DEADLINE_MS,
      hear: (said) => {
        const now = said as Said;
        last = now.is;
        tally.ledger.hear(now);
        if (now.is === 'refused') wrong.push(`refused: ${now.code}`);
        if (now.is === moment.after && skip-- === 0) timer = setTimeout(child.kill, wait);
      },
    });
    const ended = await child.ended;
    clearTimeout(timer);
    tally.kills.set(last, (tally.kills.get(last) ?? 0) + 1);
    if (ended.signal !== 'SIGKILL' || ended.late || ended.stderr !== '') {
      wrong.push(`before it was killed: ${complaintAbout(ended)}`);
    }
    return wrong;
  }

  #judge(examined: Examined, wrong: string[]): void {
    const { ledger } = this.tally;
    wrong.push(...ledger.judge(examined));
    ledger.settle(examined);
    this.tally.rotated = examined.found.reduce((sum, { rotated }) => sum + rotated.messages, 0);
    this.last = examined.found;
  }

  /** Removes the queues made beside the others, and what a create that was cut short may have left: that is a violation. */
  #removeMade(wrong: string[]): void {
    for (const file of readdirSync(this.directory)) {
      if (/\.tmp-/.test(file)) wrong.push(`${file} was left behind by a create that was killed`);
      if (!/\.tmp-|^made-/.test(file)) continue;
      rmSync(join(this.directory, file));
      this.tally.ledger.forget(file.replace(/\.rot(-lock)?$/, ''));
    }
  }
}

/** Pushes are acknowledged before they are durable: some round must lose one. */
async function early(trial: Trial): Promise<Control> {
  const crasher = new Crasher(join(trial.directory, 'control'), new Random(trial.seed).fork(2), true);
  for (let i = 0; i < CONTROL_ROUNDS; i++) {
    const wrong = (await crasher.round()).filter((text) => /acknowledged id \d+ is lost/.test(text));
    if (wrong.length > 0) return { name: 'acknowledged before it is durable', caught: `round ${i}: ${wrong[0]}` };
  }
  return { name: 'acknowledged before it is durable', caught: undefined };
}

/** What was found, made wrong in one way each. */
function tamper(found: Found): Record<string, Found> {
  const runs = [...found.runs];
  const last = runs.pop()!;
  const first = runs.shift()!;
  let id = found.oldest;
  const swapped = [last, ...runs, first].map((run) => {
    id += run.count;
    return { ...run, first: id - run.count };
  });
  return {
    lost: { ...found, runs: [first, ...runs], next: last.first },
    doubled: { ...found, runs: [...found.runs, { ...last, first: found.next }], next: found.next + last.count },
    reordered: { ...found, runs: swapped },
    altered: { ...found, altered: [found.oldest] },
  };
}

function tampered(found: readonly Found[]): Control[] {
  const one = found.find(({ runs }) => runs.length > 2);
  if (one === undefined) return [{ name: 'findings made wrong', caught: undefined }];
  const plain = { ...one, later: { acks: [], runs: [] } };
  const acks = one.runs.map((run) => ({ ...run, queue: one.queue }));
  return Object.entries(tamper(plain)).map(([name, wrong]) => ({ name, caught: judge(wrong, acks)[0] }));
}

async function prove(trial: Trial): Promise<Outcome> {
  const crasher = new Crasher(join(trial.directory, 'queues'), new Random(trial.seed).fork(1), false);
  const violations: string[] = [];
  let rounds = 0;
  while (rounds < trial.rounds && performance.now() < trial.endMs) {
    violations.push(...(await crasher.round()).map((text) => `round ${rounds}: ${text}`));
    trial.progress(++rounds, trial.rounds, `${crasher.tally.ledger.messages} messages acknowledged`);
  }
  const { kills, ledger, rotated } = crasher.tally;
  return {
    rounds,
    facts: [
      ['messages acknowledged', ledger.messages],
      ['messages rotated', rotated],
      ...[...kills].sort().map(([last, count]): [string, number] => [`killed after '${last}'`, count]),
    ],
    violations,
    controls: [await early(trial), ...tampered(crasher.last)],
  };
}

export const crash: Proof = {
  about: 'kill -9 of a process that pushes from 8 writers',
  round: 'kills',
  rounds: 300,
  run: prove,
};
