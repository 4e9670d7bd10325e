/**
 * The recorder and fault injector (shim.c): compiled when it is needed, told what to do by environment variables.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SAY_FD } from './child.js';

/** Kinds of calls, as numbers to add up; `extend` is a write that makes its file longer. */
export const CALLS = { write: 1, sync: 2, truncate: 4, name: 8, open: 16, extend: 32, read: 64 } as const;

/**
 * What a call may be besides: of the engine, not of lmdb; on another thread than the one that serves everybody; for a mark, which
 * the engine does without (seen-mark.ts).
 */
export const ORIGINS = { engine: 128, pool: 256, mark: 512 } as const;

/** What happens to a call, as shim.c spells it. */
export type Disturbance = `errno=${number}` | `short=${number}` | `delay=${number}` | 'sync=0' | 'kill=9' | 'count=0';

export interface ShimOptions {
  /** Files in it are recorded and disturbed. */
  readonly directory: string;
  /** Where the record goes; what the process says is recorded in between. */
  readonly log?: string;
  /** Where it says which calls it disturbed: see {@link readStruck}. */
  readonly struck?: string;
  readonly disturb?: {
    readonly act: Disturbance;
    /** A sum of {@link CALLS}. */
    readonly calls: number;
    /** A sum of {@link ORIGINS} that a call must be of; of any without. */
    readonly only?: number;
    /** The first such call to disturb, from 0, and how many from there on; all without. */
    readonly at?: number;
    readonly count?: number;
    /** Only files with this in their path. */
    readonly match?: string;
  };
}

/** The calls that were disturbed, or found no file handle left, in order: sums of {@link CALLS} and {@link ORIGINS}. */
export function readStruck(path: string): number[] {
  const words = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  return Array.from({ length: Math.floor(words.length / 2) }, (_, i) => words.readUInt16LE(2 * i));
}

/** The compiled shim. */
export class Shim {
  private constructor(readonly path: string) {}

  /** Compiles the shim into `directory`. @throws when there is no C compiler, saying what to install. */
  static compile(directory: string): Shim {
    const source = fileURLToPath(new URL('../../../test/prove/shim.c', import.meta.url));
    const path = join(directory, 'shim.so');
    const words = ['-O1', '-Wall', '-Werror', '-shared', '-fPIC', '-o', path, source, '-ldl', '-lpthread'];
    const { error, status, stderr } = spawnSync('cc', words, { encoding: 'utf8' });
    if (error !== undefined) {
      throw new Error(
        `This proof needs a C compiler, cc, on Linux (Debian: apt-get install gcc libc6-dev): ${error.message}`,
      );
    }
    if (status !== 0) throw new Error(`cc cannot compile ${source}:\n${stderr}`);
    return new Shim(path);
  }

  /** The environment of a process that is to be recorded or disturbed. */
  env({ directory, log, struck, disturb }: ShimOptions): Record<string, string> {
    const env: Record<string, string> = { LD_PRELOAD: this.path, SHIM_DIRECTORY: directory };
    if (log !== undefined) Object.assign(env, { SHIM_LOG: log, SHIM_MARKS: String(SAY_FD) });
    if (struck !== undefined) env['SHIM_STRUCK'] = struck;
    if (disturb === undefined) return env;
    const { act, calls, only = 0, at = 0, count = -1, match } = disturb;
    Object.assign(env, { SHIM_DO: act, SHIM_CALLS: String(calls), SHIM_AT: String(at), SHIM_COUNT: String(count) });
    if (only !== 0) env['SHIM_ONLY'] = String(only);
    if (match !== undefined) env['SHIM_MATCH'] = match;
    return env;
  }
}
