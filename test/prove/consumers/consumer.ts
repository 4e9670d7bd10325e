/**
 * A consumer that is killed and started again, always with the same cursor.
 */
import { type Child, start } from '../child.js';
import type { ConsumerJob } from '../children/consumer.js';
import { Account, type Consumed } from './consumed.js';

/** Longer than any run. */
const DEADLINE_MS = 24 * 3600 * 1000;

export class Consumer {
  readonly account = new Account();
  readonly #job: ConsumerJob;
  #child: Child | undefined;
  kills = 0;
  /** What it wrote to standard error, which is nothing. */
  readonly wrong: string[] = [];

  constructor(job: ConsumerJob) {
    this.#job = job;
  }

  get cursor(): string {
    return this.#job.cursor;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  start(): void {
    this.#child = start('consumer', this.#job, {
      deadlineMs: DEADLINE_MS,
      hear: (said) => this.account.take(said as Consumed),
    });
  }

  /** With signal 9. Resolves when it is dead and all that it said is heard. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    child.kill();
    const { code, signal, stderr } = await child.ended;
    this.kills++;
    if (signal === 'SIGKILL' && stderr === '') return;
    this.wrong.push(`ended by itself with ${code ?? signal}: ${stderr.trim().split('\n', 1)[0]}`);
  }
}
