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
  readonly #mostOldest: () => number;
  #child: Child | undefined;
  kills = 0;
  /** What it wrote to standard error, which is nothing. */
  readonly wrong: string[] = [];

  /** @param mostOldest the queue's oldest id cannot lie beyond this at the moment */
  constructor(job: ConsumerJob, mostOldest: () => number) {
    this.#job = job;
    this.#mostOldest = mostOldest;
  }

  get cursor(): string {
    return this.#job.cursor;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  start(): void {
    this.account.begin();
    this.#child = start('consumer', this.#job, {
      deadlineMs: DEADLINE_MS,
      // What it says has happened before: by now as many messages have been sent, or more, so that the bound still holds.
      hear: (said) => this.account.take(said as Consumed, this.#mostOldest()),
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
