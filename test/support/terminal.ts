/**
 * Programs on a real terminal: that of a tmux server of the test's own.
 */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Test } from 'tap';

const execFileAsync = promisify(execFile);

/** Why tests on a terminal are skipped, or false. */
export const withoutTmux = spawnSync('tmux', ['-V']).status === 0 ? false : 'there is no tmux here';

export interface TerminalOptions {
  /** Where the program runs: so that no path on its screen is as long as the one of the clone. */
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly rows?: number;
}

/** A screen that is waited for longer than this will not come. */
const PATIENCE_MS = 60_000;

/** A screen does not say when it changes. */
const LOOK_AGAIN_MS = 20;
const EXITED = 'exited';
/** tmux knows the exit code of a program, but may forget it: so a shell keeps it. */
const SHELL_SCRIPT = `trap : INT; "$@"; echo $? > "$0/code"; tmux -S "$0/s" wait-for -S ${EXITED}`;

export class Terminal {
  readonly #dir: string;
  readonly #socket: string;

  /** Runs a program until the end of the test at the latest. */
  constructor(t: Test, words: readonly string[], options: TerminalOptions = {}) {
    const { cwd = '.', env = {}, columns = 100, rows = 30 } = options;
    // Not t.testdir(): the path of a socket must be short.
    const dir = mkdtempSync(join(tmpdir(), 'rotera-'));
    this.#dir = dir;
    this.#socket = join(dir, 's');
    const config = join(dir, 'tmux.conf');
    writeFileSync(
      config,
      'set -g remain-on-exit on\nset -g status off\nset -g default-terminal screen\nset -gq remain-on-exit-format ""\n',
    );
    const assignments = Object.entries({ HOME: dir, ...env }).map(([name, value]) => `${name}=${value}`);
    const program = ['env', '-u', 'NO_COLOR', ...assignments, process.execPath, ...words];
    const command = ['sh', '-c', SHELL_SCRIPT, dir, ...program];
    const where = ['-c', resolve(cwd), '-x', String(columns), '-y', String(rows)];
    this.#tmux('-f', config, 'new-session', '-d', ...where, ...command);
    t.teardown(() => {
      this.#tmux('kill-server');
      rmSync(dir, { recursive: true, force: true });
    });
  }

  /** Types text. */
  type(text: string): this {
    this.#tmux('send-keys', '-l', '--', text);
    return this;
  }

  /** Presses keys: `Enter`, `Tab`, `C-c`, `C-d`, `Up`. */
  press(...keys: string[]): this {
    for (const key of keys) this.#tmux('send-keys', key);
    return this;
  }

  get screen(): string {
    return this.#tmux('capture-pane', '-p').trimEnd();
  }

  /** The screen with its colours, as escape sequences. */
  get painted(): string {
    return this.#tmux('capture-pane', '-p', '-e').trimEnd();
  }

  /** Resolves to the screen once it matches. */
  async shows(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + PATIENCE_MS;
    while (true) {
      const screen = (await this.#ask('capture-pane', '-p')).trimEnd();
      if (pattern.test(screen)) return screen;
      if (Date.now() > deadline) throw new Error(`the screen never showed ${pattern}:\n${screen}`);
      await setTimeout(LOOK_AGAIN_MS);
    }
  }

  /** Resolves to the exit code of the program, as a shell gives it: 128 and the number of the signal that ended it. */
  async exited(): Promise<number> {
    await this.#ask('wait-for', EXITED);
    return Number(readFileSync(join(this.#dir, 'code'), 'utf8'));
  }

  /** Asks tmux without holding up what else runs in the test's process, such as a server. */
  async #ask(...words: string[]): Promise<string> {
    return (await execFileAsync('tmux', ['-S', this.#socket, ...words], { timeout: PATIENCE_MS })).stdout;
  }

  #tmux(...words: string[]): string {
    return execFileSync('tmux', ['-S', this.#socket, ...words], { encoding: 'utf8' });
  }
}
