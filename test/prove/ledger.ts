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
  /** Queues whose files are being removed, which may be there or not, and those whose files are gone. */
  readonly #doomed = new Set<string>();
  readonly #removed = new Set<string>();
  #messages = 0;

  /** Messages acknowledged so far. */
  get messages(): number {
    return this.#messages;
  }

  /** Takes note of what a pusher said. */
  hear(said: Said): void {
    if (said.is === 'created') this.#of(said.queue);
    else if (said.is === 'creating') this.#removed.delete(said.queue);
    else if (said.is === 'deleting') this.#doomed.add(said.queue);
    else if (said.is === 'deleted') this.#remove(said.queue);
    if (said.is !== 'pushed') return;
    this.#messages += said.count;
    // What was under way to a file that is gone may still be acknowledged.
    if (!this.#removed.has(said.queue)) this.#of(said.queue).push(said);
  }

  /** What is wrong with a directory; empty when all that was acknowledged is there. */
  judge({ names, unreadable, found, problems }: Examined): string[] {
    const lost = [...this.#acks.keys()].filter((queue) => !names.includes(queue) && !this.#doomed.has(queue));
    const back = names.filter((queue) => this.#removed.has(queue));
    return [
      ...problems,
      ...unreadable.map((text) => `unreadable ${text}`),
      ...lost.map((queue) => `${queue}: the queue is gone`),
      ...back.map((queue) => `${queue}: the queue is there again after it was removed`),
      ...found.flatMap((one) => judge(one, this.#acks.get(one.queue) ?? [])),
    ];
  }

  /** From here on, what was found must stay as well, and what was rotated out need not. */
  settle({ names, found }: Examined): void {
    for (const queue of this.#doomed) if (!names.includes(queue)) this.forget(queue);
    this.#doomed.clear();
    this.#removed.clear();
    for (const { queue, runs, later } of found) {
      this.#acks.set(queue, [...runs.map((run) => ({ ...run, queue })), ...later.acks]);
    }
  }

  /** The same, unchanged by what comes later. */
  copy(): Ledger {
    const copy = new Ledger();
    for (const [queue, acks] of this.#acks) copy.#acks.set(queue, [...acks]);
    for (const queue of this.#doomed) copy.#doomed.add(queue);
    for (const queue of this.#removed) copy.#removed.add(queue);
    copy.#messages = this.#messages;
    return copy;
  }

  /** What must be in a copy of one queue that is taken from now on, under the name of the copy. */
  copyOf(queue: string, name: string): Ledger {
    const copy = new Ledger();
    copy.#acks.set(name, [...(this.#acks.get(queue) ?? [])]);
    return copy;
  }

  /** Knows of a queue no more. */
  forget(queue: string): void {
    this.#acks.delete(queue);
  }

  #remove(queue: string): void {
    this.forget(queue);
    this.#doomed.delete(queue);
    this.#removed.add(queue);
  }

  #of(queue: string): Ack[] {
    const acks = this.#acks.get(queue) ?? [];
    this.#acks.set(queue, acks);
    return acks;
  }
}
