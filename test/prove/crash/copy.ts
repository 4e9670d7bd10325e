/**
 * A copy of a queue that is taken while others push to it, and may be killed.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Child, complaintAbout, start } from '../child.js';
import type { Copying } from '../children/copier.js';
import type { Examined, Ledger } from '../ledger.js';

const NAME = 'copy';

export interface CopyOptions {
  /** The directory of the queue, which is there. */
  readonly queues: string;
  readonly queue: string;
  /** Is to hold the copy alone. */
  readonly directory: string;
  /** Longest it may take before it counts as hung. */
  readonly deadlineMs: number;
}

export class Copy {
  readonly #ledger: Ledger;
  readonly #child: Child;
  /** Resolves at its end to what is wrong with that. */
  readonly ended: Promise<string[]>;
  #wasKilled = false;

  /** @param hear told when it begins, and when it is whole */
  constructor(
    { queues, queue, directory, deadlineMs }: CopyOptions,
    ledger: Ledger,
    hear: (is: 'copying' | 'copied') => void,
  ) {
    mkdirSync(directory, { recursive: true });
    // All that was acknowledged before it began must be in it.
    this.#ledger = ledger.copyOf(queue, NAME);
    const job: Copying = { file: join(queues, `${queue}.rot`), copy: join(directory, `${NAME}.rot`) };
    this.#child = start('copier', job, {
      deadlineMs,
      hear: (said) => hear((said as { is: 'copying' | 'copied' }).is),
    });
    this.ended = this.#end();
  }

  kill(): void {
    this.#wasKilled = true;
    this.#child.kill();
  }

  /** What is wrong with it. One that was killed may not be there, but is never there in part. */
  judge(examined: Examined): string[] {
    if (this.#wasKilled && examined.names.length === 0) return [...examined.unreadable, ...examined.problems];
    return this.#ledger.judge(examined);
  }

  async #end(): Promise<string[]> {
    const ended = await this.#child.ended;
    // A kill may come too late.
    if (ended.code === 0) this.#wasKilled = false;
    const complaint = this.#wasKilled && ended.signal === 'SIGKILL' ? undefined : complaintAbout(ended);
    return complaint === undefined ? [] : [`copying: ${complaint}`];
  }
}
