/**
 * What a consumer says that it got, and what must be true of it.
 */
import { createHash } from 'node:crypto';

export type Consumed =
  | { readonly is: 'messages'; readonly first: number; readonly count: number; readonly digest: string }
  | { readonly is: 'gap'; readonly from: number; readonly to: number; readonly reason: string }
  /** The server has answered that this id, and all before it, are done with. */
  | { readonly is: 'acked'; readonly id: number };

type Told = Exclude<Consumed, { is: 'acked' }>;

export const digest = (texts: readonly string[]): string =>
  createHash('sha256').update(texts.join('\n')).digest('base64').slice(0, 16);

/** The same of messages that were acknowledged. */
export const digestOf = (messages: ReadonlyMap<number, string>, first: number, count: number): string =>
  digest(Array.from({ length: count }, (_, i) => messages.get(first + i) ?? ''));

/** How the queue stands when everyone has come to its end. */
export interface End {
  readonly next: number;
  /** The cursor's count of messages that it missed. */
  readonly missed: number;
  /** Messages by id, as their pushes were acknowledged. */
  readonly messages: ReadonlyMap<number, string>;
}

const rangeOf = (told: Told): [from: number, to: number] =>
  told.is === 'gap' ? [told.from, told.to] : [told.first, told.first + told.count];

const SEEN = 1;
const GONE = 2;

/** All that one cursor's consumers said, one life after the other. */
export class Account {
  readonly #said: Told[] = [];
  /** What was wrong as soon as it was heard. */
  readonly wrong: string[] = [];
  /** Exclusive end of what was got or told as gone. */
  reached = 0;
  /** The highest id of which the ack was answered; -1 when there was none. */
  acked = -1;
  /** Acks that were answered. */
  acks = 0;
  gaps = 0;
  /** Where its present life goes on; unknown until something has come. */
  #at: number | undefined;

  /** Another life: whatever was not acknowledged may come again. */
  begin(): void {
    this.#at = undefined;
  }

  /** @param mostOldest the queue's oldest id cannot lie beyond this yet, as so many messages have been sent */
  take(said: Consumed, mostOldest: number): void {
    if (said.is === 'acked') {
      this.acked = Math.max(this.acked, said.id);
      this.acks++;
      return;
    }
    this.#said.push(said);
    const [from, to] = rangeOf(said);
    this.#inOrder(from, to);
    this.reached = Math.max(this.reached, to);
    if (from <= this.acked)
      this.wrong.push(`was told of id ${from} again, though the ack of ${this.acked} was answered`);
    if (said.is !== 'gap') return;
    this.gaps++;
    if (said.reason !== 'rotated') this.wrong.push(`was told that ids ${from} to ${to - 1} are ${said.reason}`);
    if (to > mostOldest)
      this.wrong.push(
        `was told that ids ${from} to ${to - 1} are gone, when all from ${mostOldest} on had to be there`,
      );
  }

  /** Within a life each is told once and in order, over any number of connections, and however often the server is killed. */
  #inOrder(from: number, to: number): void {
    // Another life goes on behind what was acknowledged, and that was told before.
    const at = this.#at ?? Math.min(from, this.reached);
    if (from > at) this.wrong.push(`came to id ${from} in one life, and ${at} was to come`);
    if (from < at) this.wrong.push(`came to id ${from} once more in one life, having come to ${at}`);
    if (to <= from) this.wrong.push(`was told of ids from ${from} on, which end at ${to}`);
    this.#at = to;
  }

  /** Every id was got or told as gone, and what was got is what was pushed. @returns counts, and what is wrong */
  settle({ next, missed, messages }: End): { seen: number; again: number; gone: number; wrong: string[] } {
    const wrong = [...this.wrong];
    const marks = new Uint8Array(next);
    let again = 0;
    for (const said of this.#said) {
      const [from, to] = rangeOf(said);
      const texts: string[] = [];
      for (let id = from; id < to; id++) {
        if (said.is === 'messages' && ((marks[id] ?? 0) & SEEN) > 0) again++;
        marks[id] = (marks[id] ?? 0) | (said.is === 'gap' ? GONE : SEEN);
        texts.push(messages.get(id) ?? '');
      }
      if (said.is === 'messages' && digest(texts) !== said.digest)
        wrong.push(`got other messages as ids ${from} to ${to - 1}`);
    }
    const count = (holds: (mark: number) => boolean): number =>
      marks.reduce((sum, mark) => sum + Number(holds(mark)), 0);
    const silent = marks.indexOf(0);
    if (silent !== -1)
      wrong.push(`never got id ${silent}, and was not told that it is gone (${count((mark) => mark === 0)} such)`);
    const told = count((mark) => (mark & GONE) > 0);
    if (told !== missed) wrong.push(`was told that ${told} messages are gone, but its cursor has missed ${missed}`);
    return { seen: count((mark) => (mark & SEEN) > 0), again, gone: count((mark) => mark === GONE), wrong };
  }
}
