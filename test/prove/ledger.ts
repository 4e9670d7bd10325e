/**
 * What must be in the queues of a directory: all that was acknowledged, or seen once.
 */
import { type Ack, type Found, judge } from './judge.js';
import type { Said } from './plan.js';

/** What an examiner says of one directory. */
export interface Examined {
  readonly directory: string;
  /** Queues found there. */
  readonly names: readonly string[];
  readonly unreadable: readonly string[];
  readonly found: readonly Found[];
  /** What `rotera check` says, before they were opened and after they were closed. */
  readonly problems: readonly string[];
}

/** Acknowledgements, in the order in which they came. */
export class Ledger {
  readonly #acks = new Map<string, Ack[]>();
  #messages = 0;

  /** Messages acknowledged so far. */
  get messages(): number {
    return this.#messages;
  }

  /** Takes note of what a pusher said. */
  hear(said: Said): void {
    if (said.is === 'created') this.#of(said.queue);
    if (said.is !== 'pushed') return;
    this.#of(said.queue).push(said);
    this.#messages += said.count;
  }

  /** What is wrong with a directory; empty when all that was acknowledged is there. */
  judge({ names, unreadable, found, problems }: Examined): string[] {
    const lost = [...this.#acks.keys()].filter((queue) => !names.includes(queue));
    return [
      ...problems,
      ...unreadable.map((text) => `unreadable ${text}`),
      ...lost.map((queue) => `${queue}: the queue is gone`),
      ...found.flatMap((one) => judge(one, this.#acks.get(one.queue) ?? [])),
    ];
  }

  /** From here on, what was found must stay as well, and what was rotated out need not. */
  settle({ found }: Examined): void {
    for (const { queue, runs, later } of found) {
      this.#acks.set(queue, [...runs.map((run) => ({ ...run, queue })), ...later.acks]);
    }
  }

  /** The same, unchanged by what comes later. */
  copy(): Ledger {
    const copy = new Ledger();
    for (const [queue, acks] of this.#acks) copy.#acks.set(queue, [...acks]);
    copy.#messages = this.#messages;
    return copy;
  }

  /** Knows of a queue no more. */
  forget(queue: string): void {
    this.#acks.delete(queue);
  }

  #of(queue: string): Ack[] {
    const acks = this.#acks.get(queue) ?? [];
    this.#acks.set(queue, acks);
    return acks;
  }
}
