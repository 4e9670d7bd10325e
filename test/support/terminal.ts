/**
 * Programs on a real terminal: that of a tmux server of the test's own.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

/** Why tests on a terminal are skipped, or false. */
export const withoutTmux = spawnSync('tmux', ['-V']).status === 0 ? false : 'there is no tmux here';

export interface TerminalOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly columns?: number;
  readonly rows?: number;
}

/** A screen that is waited for longer than this will not come. */
const PATIENCE_MS = 60_000;

export class Terminal {
  readonly #socket: string;

  /** Runs a program until the end of the test at the latest. */
  constructor(t: Test, words: readonly string[], { env = {}, columns = 100, rows = 30 }: TerminalOptions = {}) {
    // Not t.testdir(): the path of a socket must be short.
    const dir = mkdtempSync(join(tmpdir(), 'rotera-'));
    this.#socket = join(dir, 's');
    const config = join(dir, 'tmux.conf');
    writeFileSync(config, 'set -g remain-on-exit on\nset -g status off\nset -g default-terminal screen\n');
    const assignments = Object.entries({ HOME: dir, ...env }).map(([name, value]) => `${name}=${value}`);
    const command = ['env', '-u', 'NO_COLOR', ...assignments, process.execPath, ...words];
    const size = ['-x', String(columns), '-y', String(rows)];
    this.#tmux('-f', config, 'new-session', '-d', ...size, ...command);
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
    while (!pattern.test(this.screen)) {
      if (Date.now() > deadline) throw new Error(`the screen never showed ${pattern}:\n${this.screen}`);
      await new Promise(setImmediate);
    }
    return this.screen;
  }

  /** Resolves to the exit code of the program. */
  async exited(): Promise<number> {
    const deadline = Date.now() + PATIENCE_MS;
    while (this.#tmux('display-message', '-p', '#{pane_dead}').trim() !== '1') {
      if (Date.now() > deadline) throw new Error(`the program never ended:\n${this.screen}`);
      await new Promise(setImmediate);
    }
    return Number(this.#tmux('display-message', '-p', '#{pane_dead_status}'));
  }

  #tmux(...words: string[]): string {
    return execFileSync('tmux', ['-S', this.#socket, ...words], { encoding: 'utf8' });
  }
}
