/**
 * The recorder and fault injector (shim.c): compiled when it is needed, told what to do by environment variables.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SAY_FD } from './child.js';

/** Kinds of calls, as numbers to add up; `extend` is a write that makes its file longer. */
export const CALLS = { write: 1, sync: 2, truncate: 4, name: 8, open: 16, extend: 32 } as const;

/** What happens to a call, as shim.c spells it. */
export type Disturbance = `errno=${number}` | `short=${number}` | `delay=${number}` | 'sync=0' | 'kill=9';

export interface ShimOptions {
  /** Files in it are recorded and disturbed. */
  readonly directory: string;
  /** Where the record goes; what the process says is recorded in between. */
  readonly log?: string;
  readonly disturb?: {
    readonly act: Disturbance;
    /** A sum of {@link CALLS}. */
    readonly calls: number;
    /** The first such call to disturb, from 0, and how many from there on; all without. */
    readonly at?: number;
    readonly count?: number;
    /** Only files with this in their path. */
    readonly match?: string;
  };
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
  env({ directory, log, disturb }: ShimOptions): Record<string, string> {
    const env: Record<string, string> = { LD_PRELOAD: this.path, SHIM_DIRECTORY: directory };
    if (log !== undefined) Object.assign(env, { SHIM_LOG: log, SHIM_MARKS: String(SAY_FD) });
    if (disturb === undefined) return env;
    const { act, calls, at = 0, count = -1, match } = disturb;
    Object.assign(env, { SHIM_DO: act, SHIM_CALLS: String(calls), SHIM_AT: String(at), SHIM_COUNT: String(count) });
    if (match !== undefined) env['SHIM_MATCH'] = match;
    return env;
  }
}
