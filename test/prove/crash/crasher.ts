/**
 * Kills a process that pushes, again and again on the same files, and looks at what is left.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ChildOptions, complaintAbout, run, start } from '../child.js';
import type { Found } from '../judge.js';
import { type Examined, Ledger } from '../ledger.js';
import type { Plan, Said } from '../plan.js';
import type { Random } from '../random.js';
import { Copy } from './copy.js';
import { anyMoment, type Moment, RECOVERING, workOf } from './moments.js';

/** Longest a process may take before it counts as hung; ms. */
const DEADLINE_MS = 60_000;
/** How often the process that opens what is left is killed as well, and how many times in a row at most. */
const NESTED = 0.3;
const MOST_NESTED = 4;

/** Queues that a process makes beside the others. */
const MADE = /^made-/;

/** Kills at one moment; of these, those that came before it had passed. */
interface Kills {
  all: number;
  inIt: number;
}

export class Crasher {
  /** By the moment's name. */
  readonly kills = new Map<string, Kills>();
  readonly ledger = new Ledger();
  /** Rounds in which messages were rotated, by the limit that bit. */
  readonly rotations = { byCount: 0, byBytes: 0, byAge: 0 };
  rotated = 0;
  /** What the last examination found. */
  last: readonly Found[] = [];
  #life = 0;
  #copy: Copy | undefined;

  constructor(
    readonly directory: string,
    readonly random: Random,
    readonly acknowledgesEarly: boolean,
  ) {
    mkdirSync(directory);
  }

  /** Pushes until killed, perhaps kills those who open what is left, then looks at it. @returns what is wrong */
  async round(): Promise<string[]> {
    const { random } = this;
    this.#copy = undefined;
    const wrong = await this.#pushAndKill(anyMoment(random));
    const nested = random.chance(NESTED) ? random.spread(1, MOST_NESTED) : 0;
    for (let i = 0; i < nested; i++) wrong.push(...(await this.#pushAndKill(RECOVERING)));
    const [examined, copied] = await this.#examine(wrong);
    if (examined !== undefined) this.#judge(examined, wrong);
    if (copied !== undefined) this.#judgeCopy(copied, wrong);
    this.#removeMade(wrong);
    return wrong;
  }

  /** What is wrong with what the last round left, as a control would have it. */
  async examinedBy(subject: Pick<ChildOptions, 'imports' | 'env'>): Promise<string[]> {
    const wrong: string[] = [];
    const [examined] = await this.#examine(wrong, subject);
    return examined === undefined ? wrong : [...wrong, ...this.ledger.judge(examined)];
  }

  get #copies(): string {
    return `${this.directory}-copies`;
  }

  async #examine(wrong: string[], subject: Pick<ChildOptions, 'imports' | 'env'> = {}): Promise<Examined[]> {
    const directories = existsSync(this.#copies) ? [this.directory, this.#copies] : [this.directory];
    const all: Examined[] = [];
    const job = { directories, queues: [], life: this.#life++ };
    const ended = await run('examiner', job, {
      ...subject,
      deadlineMs: DEADLINE_MS,
      hear: (said) => {
        if ((said as { is?: string }).is === 'examined') all.push(said as Examined);
      },
    });
    const complaint = complaintAbout(ended);
    if (complaint !== undefined) wrong.push(`opening it again: ${complaint}`);
    return all;
  }

  async #pushAndKill(moment: Moment): Promise<string[]> {
    const { random, directory, ledger } = this;
    const wrong: string[] = [];
    const waitMs = random.below(moment.withinMs * 1000) / 1000;
    const copyDies = random.chance(0.5);
    let skip = random.below(moment.skips);
    // Whether the moment has come, and has not passed.
    let inIt = false;
    let timer: NodeJS.Timeout | undefined;
    const work = workOf(moment, random, this.acknowledgesEarly);
    const plan: Plan = { ...work, directory, seed: random.next(), life: this.#life++ };
    const wait = (kill: () => void): void => {
      timer = setTimeout(kill, waitMs);
    };
    const copy = (): void => {
      let isStruck = false;
      const kill = (): void => {
        isStruck = true;
        if (copyDies) copying.kill();
        else child.kill();
      };
      const places = { queues: directory, queue: 'first', directory: this.#copies, deadlineMs: DEADLINE_MS };
      const copying = new Copy(places, ledger, (is) => {
        if (is === 'copying') wait(kill);
        else if (copyDies || !isStruck) inIt = false;
      });
      this.#copy = copying;
      // Then it is the turn of the process that pushes, if that still lives.
      void copying.ended.then(() => wait(child.kill));
    };
    const child = start('pusher', plan, {
      deadlineMs: DEADLINE_MS,
      hear: (said) => {
        const now = said as Said;
        ledger.hear(now);
        if (now.is === 'refused') wrong.push(`refused: ${now.code}`);
        if (now.is === moment.until) inIt = false;
        if (now.is === moment.after && skip-- === 0) {
          inIt = true;
          if (moment.copies === true) copy();
          else wait(child.kill);
        }
      },
    });
    const ended = await child.ended;
    this.#count(moment, inIt);
    if (moment.copies === true) wrong.push(...((await this.#copy?.ended) ?? []));
    clearTimeout(timer);
    if (ended.signal !== 'SIGKILL' || ended.late || ended.stderr !== '') {
      wrong.push(`before it was killed: ${complaintAbout(ended)}`);
    }
    return wrong;
  }

  #count({ name }: Moment, inIt: boolean): void {
    const { all = 0, inIt: before = 0 } = this.kills.get(name) ?? {};
    this.kills.set(name, { all: all + 1, inIt: before + Number(inIt) });
  }

  #judge(examined: Examined, wrong: string[]): void {
    wrong.push(...this.ledger.judge(examined));
    this.ledger.settle(examined);
    const before = this.#rotatedOf(this.last);
    const after = this.#rotatedOf(examined.found);
    for (const by of ['byCount', 'byBytes', 'byAge'] as const) if (after[by] > before[by]) this.rotations[by]++;
    this.rotated = after.messages;
    this.last = examined.found.filter(({ queue }) => !MADE.test(queue));
  }

  #judgeCopy(examined: Examined, wrong: string[]): void {
    wrong.push(...(this.#copy?.judge(examined) ?? []).map((text) => `the copy: ${text}`));
  }

  #rotatedOf(found: readonly Found[]): Found['rotated'] {
    const sum = { messages: 0, byCount: 0, byBytes: 0, byAge: 0, byRoom: 0 };
    for (const { queue, rotated } of found) {
      if (!MADE.test(queue)) for (const by of Object.keys(sum) as Array<keyof typeof sum>) sum[by] += rotated[by];
    }
    return sum;
  }

  /** Removes the copy, the queues made beside the others, and what a kill may have left behind: that is a violation. */
  #removeMade(wrong: string[]): void {
    for (const directory of [this.directory, this.#copies].filter((path) => existsSync(path))) {
      for (const file of readdirSync(directory)) {
        if (/\.tmp-/.test(file)) wrong.push(`${file} was left behind by one that was killed`);
        if (directory === this.directory && !/\.tmp-/.test(file) && !MADE.test(file)) continue;
        rmSync(join(directory, file));
        this.ledger.forget(file.replace(/\.rot(-lock)?$/, ''));
      }
    }
    rmSync(this.#copies, { recursive: true, force: true });
  }
}
