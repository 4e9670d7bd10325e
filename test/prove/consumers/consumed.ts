/**
 * What a consumer says that it got, and what must be true of it.
 */
import { createHash } from 'node:crypto';

export type Consumed =
  | { readonly is: 'messages'; readonly first: number; readonly count: number; readonly digest: string }
  | { readonly is: 'gap'; readonly from: number; readonly to: number };

export const digest = (texts: readonly string[]): string =>
  createHash('sha256').update(texts.join('\n')).digest('base64').slice(0, 16);

/** The same of messages that were acknowledged. */
export const digestOf = (messages: ReadonlyMap<number, string>, first: number, count: number): string =>
  digest(Array.from({ length: count }, (_, i) => messages.get(first + i) ?? ''));

/** How the queue stands when everyone has come to its end. */
export interface End {
  readonly oldest: number;
  readonly next: number;
  /** The cursor's count of messages that it missed. */
  readonly missed: number;
  /** Messages by id, as their pushes were acknowledged. */
  readonly messages: ReadonlyMap<number, string>;
}

const SEEN = 1;
const GONE = 2;

/** All that one cursor's consumers said, one life after the other. */
export class Account {
  readonly #said: Consumed[] = [];
  /** Exclusive end of what was got or told as gone. */
  reached = 0;

  take(said: Consumed): void {
    this.#said.push(said);
    this.reached = Math.max(this.reached, said.is === 'gap' ? said.to : said.first + said.count);
  }

  /** Every id was got or told as gone, and what was got is what was pushed. @returns counts, and what is wrong */
  settle({ oldest, next, missed, messages }: End): { seen: number; again: number; gone: number; wrong: string[] } {
    const wrong: string[] = [];
    const marks = new Uint8Array(next);
    let again = 0;
    for (const said of this.#said) {
      const [from, to] = said.is === 'gap' ? [said.from, said.to] : [said.first, said.first + said.count];
      if (said.is === 'gap' && to > oldest)
        wrong.push(`was told that ids ${from} to ${to - 1} are gone; ${oldest} is not`);
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
