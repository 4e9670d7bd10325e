/**
 * Pushing processes, one after the other on the same directory, with every call that changes a file recorded; and the states
 * that a power cut between any two calls may leave.
 */
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './child.js';
import { CUTS, Disk } from './disk.js';
import { Ledger } from './ledger.js';
import type { Plan, Said } from './plan.js';
import type { Random } from './random.js';
import { type Event, readRecording } from './recording.js';
import type { Shim } from './shim.js';

const DEADLINE_MS = 120_000;

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
}

export interface SessionOptions {
  readonly shim: Shim;
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
      const ended = await run(
        'pusher',
        { ...plan, directory },
        { env, imports: options.imports, deadlineMs: DEADLINE_MS },
      );
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

  /** At most `most` states, from cuts between calls chosen at random. */
  *states(most: number, random: Random): Generator<State> {
    const places = [...Array(this.calls).keys()];
    const cuts = new Set<number>();
    for (let i = 0; i < Math.ceil(most / CUTS.length) * 2 && places.length > 0; i++) {
      const taken = random.below(places.length);
      cuts.add(places[taken] as number);
      places[taken] = places.at(-1) as number;
      places.pop();
    }
    const disk = new Disk();
    const ledger = new Ledger();
    let place = 0;
    let made = 0;
    for (const [life, { events, left }] of this.lives.entries()) {
      for (const event of events) {
        if (event.type === 'M') hearAll(ledger, event.data);
        else disk.apply(event);
        if (!cuts.has(place++)) continue;
        for (const cut of disk.unsynced ? CUTS : (['none'] as const)) {
          if (made++ === most) return;
          const name = `life ${life}, cut behind call ${place} of ${this.calls}, ${cut}`;
          yield { name, files: disk.state(cut, random), ledger: ledger.copy() };
        }
      }
      disk.restart(left);
    }
  }
}

function hearAll(ledger: Ledger, lines: Buffer): void {
  for (const line of lines.toString().split('\n')) if (line !== '') ledger.hear(JSON.parse(line) as Said);
}
