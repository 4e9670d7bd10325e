/**
 * Pushing processes, one after the other on the same directory, with every call that changes a file recorded; and the states
 * that a power cut between any two calls may leave.
 */
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { complaintAbout, run } from './child.js';
import type { Copying } from './children/copier.js';
import { CUTS, Disk } from './disk.js';
import { Ledger } from './ledger.js';
import type { Plan, Said } from './plan.js';
import { Random } from './random.js';
import { type Event, readRecording } from './recording.js';
import type { Shim } from './shim.js';

const DEADLINE_MS = 120_000;
/** Longest that a copy waits once its source is there; ms. */
const COPY_WITHIN_MS = 60;
/** Ways to cut at each place, as far as the number of states allows it. */
const WAYS = 2;
/** How often a place is drawn from all, and not from those where something is unsynced. */
const ANYWHERE = 0.1;

type Files = Map<string, { readonly inode: number; readonly content: Buffer }>;

/** One process: what it did, and what the directory held when it had ended. */
interface Life {
  readonly events: readonly Event[];
  readonly left: Files;
}

/** What a power cut may leave. */
export interface State {
  readonly name: string;
  readonly files: ReadonlyMap<string, Buffer>;
  /** What was acknowledged before the cut. */
  readonly ledger: Ledger;
  readonly life: number;
  /** How many calls of the recording were replayed. */
  readonly place: number;
}

export interface SessionOptions {
  readonly shim: Shim;
  /** Whether queue `main` is copied in each life. */
  readonly copies: boolean;
  /** Holds the queues and the recordings. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly imports: readonly string[];
}

function filesOf(directory: string): Files {
  const names = readdirSync(directory).filter((name) => !name.endsWith('-lock'));
  return new Map(
    names.map((name) => {
      const path = join(directory, name);
      return [name, { inode: statSync(path).ino, content: readFileSync(path) }];
    }),
  );
}

/** A recorded run of one or more processes. */
export class Session {
  private constructor(readonly lives: readonly Life[]) {}

  /** Runs the plans one after the other. @throws when one of them ends in another way than it was told to */
  static async record(plans: ReadonlyArray<Omit<Plan, 'directory'>>, options: SessionOptions): Promise<Session> {
    const directory = join(options.directory, 'queues');
    mkdirSync(directory, { recursive: true });
    const lives: Life[] = [];
    for (const [i, plan] of plans.entries()) {
      const log = join(options.directory, `log-${i}`);
      const env = { ...options.shim.env({ directory, log }), ...options.env };
      const how = { env, imports: options.imports, deadlineMs: DEADLINE_MS };
      const pushing = run('pusher', { ...plan, directory }, how);
      // A process of its own, as `rotera snapshot`: both write to the same record, each entry at once.
      const waitMs = new Random(plan.seed).fork(i).below(COPY_WITHIN_MS);
      const job: Copying = { file: join(directory, 'main.rot'), copy: join(directory, `copy-${i}.rot`), waitMs };
      const copied = options.copies ? await run('copier', job, how) : undefined;
      const ended = await pushing;
      const complaint = copied && complaintAbout(copied);
      if (complaint !== undefined) throw new Error(`The recorded copy: ${complaint}`);
      if (plan.dies ? ended.signal !== 'SIGKILL' || ended.late : ended.code !== 0) {
        throw new Error(`The recorded process ended with ${ended.code ?? ended.signal}: ${ended.stderr}`);
      }
      lives.push({ events: readRecording(log), left: filesOf(directory) });
    }
    return new Session(lives);
  }

  /** Calls recorded. */
  get calls(): number {
    return this.lives.reduce((sum, { events }) => sum + events.length, 0);
  }

  /** What was refused while nothing was disturbed: codes. */
  get refused(): string[] {
    const said = this.lives.flatMap(({ events }) =>
      events.flatMap(({ type, data }) => (type === 'M' ? heard(data) : [])),
    );
    return said.flatMap((one) => (one.is === 'refused' ? [one.code] : []));
  }

  /**
   * At most `most` states, from cuts spread over the whole recording: it is divided into stretches of as many calls, of each of
   * which one call is drawn, and the end of each life is cut as well. Of the ways to cut, each place gets a few, drawn anew.
   */
  *states(most: number, random: Random): Generator<State> {
    const places = this.#places(most, random);
    const disk = new Disk();
    const ledger = new Ledger({ removalsLast: false });
    let place = 0;
    let left = most;
    let next = 0;
    for (const [life, { events, left: files }] of this.lives.entries()) {
      for (const event of events) {
        if (event.type === 'M') for (const said of heard(event.data)) ledger.hear(said);
        else disk.apply(event);
        if (++place !== places[next]) continue;
        const share = Math.ceil(left / (places.length - next++));
        const ways = disk.unsynced ? random.some(CUTS, share) : (['none'] as const);
        left -= ways.length;
        for (const cut of ways) {
          const name = `life ${life}, cut behind call ${place} of ${this.calls}, ${cut}`;
          yield { name, files: disk.state(cut, random), ledger: ledger.copy(), life, place };
        }
      }
      disk.restart(files);
    }
  }

  /** Where to cut: numbers of calls from 1 on, ascending, at most `most`. Calls behind which something is unsynced come first. */
  #places(most: number, random: Random): number[] {
    const disk = new Disk();
    const unsynced: boolean[] = [];
    const ends: number[] = [];
    for (const { events, left } of this.lives) {
      for (const event of events) {
        if (event.type !== 'M') disk.apply(event);
        unsynced.push(disk.unsynced);
      }
      ends.push(unsynced.length);
      disk.restart(left);
    }
    const places = new Set(ends.slice(-most));
    const stretches = Math.max(0, Math.floor(most / WAYS) - places.size);
    for (let i = 0; i < stretches; i++) {
      const first = Math.floor((i * this.calls) / stretches);
      const calls = unsynced.slice(first, Math.floor(((i + 1) * this.calls) / stretches));
      if (calls.length === 0) continue;
      const open = [...calls.keys()].filter((call) => calls[call]);
      const all = [...calls.keys()];
      places.add(first + 1 + random.pick(open.length > 0 && !random.chance(ANYWHERE) ? open : all));
    }
    return [...places].sort((a, b) => a - b);
  }
}

const heard = (lines: Buffer): Said[] =>
  lines
    .toString()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Said);
