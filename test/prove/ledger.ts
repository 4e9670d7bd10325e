/**
 * What must be in the queues of a directory: all that was acknowledged, or seen once.
 */
import { Claims } from './claims.js';
import { Cursors } from './cursors.js';
import { type Ack, type Found, judge } from './judge.js';
import type { Claim, Said } from './plan.js';

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

export interface LedgerOptions {
  /** False after a power cut: a file that was removed may be there again until the next one of its name is made. */
  readonly removalsLast: boolean;
}

/** What was acknowledged of one queue. */
interface Book {
  readonly acks: Ack[];
  readonly cursors: Cursors;
  readonly claims: Claims;
  /** When it was made, by its own words: two queues of one name differ in it. Undefined for one that was not heard being made. */
  readonly createdAt: number | undefined;
}

const newBook = (createdAt?: number): Book => ({
  acks: [],
  cursors: new Cursors(),
  claims: new Claims(),
  createdAt,
});

const copyOf = ({ acks, cursors, claims, createdAt }: Book): Book => ({
  acks: [...acks],
  cursors: cursors.copy(),
  claims: claims.copy(),
  createdAt,
});

/** Acknowledgements, in the order in which they came. */
export class Ledger {
  readonly #books = new Map<string, Book>();
  /** Queues whose files are being made or removed, which may be there or not, and those whose files are gone. */
  readonly #doomed = new Set<string>();
  readonly #removed = new Set<string>();
  readonly #options: LedgerOptions;
  #messages = 0;

  constructor(options: LedgerOptions = { removalsLast: true }) {
    this.#options = options;
  }

  /** Messages acknowledged so far. */
  get messages(): number {
    return this.#messages;
  }

  /** Pushes of named producers that are to be repeated. */
  get claims(): Claim[] {
    return [...this.#books.values()].flatMap(({ claims }) => claims.worth);
  }

  /** Takes note of what a pusher, or a copier, said. */
  hear(said: Said): void {
    if (said.is === 'created') this.#created(said.queue, said.createdAt);
    else if (said.is === 'creating') this.#removed.delete(said.queue);
    else if (said.is === 'deleting') this.#doomed.add(said.queue);
    else if (said.is === 'deleted' && this.#options.removalsLast) this.#remove(said.queue);
    else if (said.is === 'copying') this.#copying(said.queue, said.copy);
    else if (said.is === 'copied') this.#doomed.delete(said.copy);
    else if (said.is === 'moving' || said.is === 'moved') this.#of(said.queue).cursors.hear(said);
    else if (said.is === 'pushing' && !this.#removed.has(said.queue)) this.#of(said.queue).claims.hear(said);
    if (said.is !== 'pushed') return;
    this.#messages += said.count;
    // What was under way to a file that is gone may still be acknowledged.
    if (this.#removed.has(said.queue)) return;
    this.#of(said.queue).acks.push(said);
    this.#of(said.queue).claims.hear(said);
  }

  /** What is wrong with a directory; empty when all that was acknowledged is there. */
  judge({ names, unreadable, found, problems }: Examined): string[] {
    const lost = [...this.#books.keys()].filter((queue) => !names.includes(queue) && !this.#doomed.has(queue));
    const back = names.filter((queue) => this.#removed.has(queue));
    return [
      ...problems,
      ...unreadable.map((text) => `unreadable ${text}`),
      ...lost.map((queue) => `${queue}: the queue is gone`),
      ...back.map((queue) => `${queue}: the queue is there again after it was removed`),
      ...found.flatMap((one) => this.#judge(one)),
    ];
  }

  /** From here on, what was found must stay as well, and what was rotated out need not. */
  settle({ names, found }: Examined): void {
    for (const queue of this.#doomed) if (!names.includes(queue)) this.forget(queue);
    this.#doomed.clear();
    this.#removed.clear();
    for (const { queue, runs, later } of found) {
      const book = this.#of(queue);
      book.claims.settle();
      this.#books.set(queue, { ...book, acks: [...runs.map((run) => ({ ...run, queue })), ...later.acks] });
    }
  }

  /** The same, unchanged by what comes later. */
  copy(): Ledger {
    const copy = new Ledger(this.#options);
    for (const [queue, book] of this.#books) copy.#books.set(queue, copyOf(book));
    for (const queue of this.#doomed) copy.#doomed.add(queue);
    for (const queue of this.#removed) copy.#removed.add(queue);
    copy.#messages = this.#messages;
    return copy;
  }

  /** What must be in a copy of one queue that is taken from now on, under the name of the copy. */
  copyOf(queue: string, name: string): Ledger {
    const copy = new Ledger(this.#options);
    copy.#books.set(name, { ...newBook(), acks: [...(this.#books.get(queue)?.acks ?? [])] });
    return copy;
  }

  /** Knows of a queue no more. */
  forget(queue: string): void {
    this.#books.delete(queue);
  }

  #judge(found: Found): string[] {
    const { queue, createdAt, cursors, next, repeated } = found;
    const book = this.#books.get(queue) ?? newBook();
    const isOther = book.createdAt !== undefined && createdAt !== book.createdAt;
    // Then the next one of that name was being made: nothing was promised of it.
    if (isOther && this.#doomed.has(queue)) return judge(found, []);
    if (isOther) return [`${queue}: it is another queue than the one that was made last`];
    const positions = book.cursors.judge(cursors, next);
    const repeats = book.claims.judge(repeated);
    return [...judge(found, book.acks), ...[...positions, ...repeats].map((text) => `${queue}: ${text}`)];
  }

  #created(queue: string, createdAt: number): void {
    this.#doomed.delete(queue);
    this.#books.set(queue, newBook(createdAt));
  }

  #copying(queue: string, copy: string): void {
    this.#doomed.add(copy);
    this.#books.set(copy, { ...newBook(), acks: [...this.#of(queue).acks] });
  }

  #remove(queue: string): void {
    this.forget(queue);
    this.#doomed.delete(queue);
    this.#removed.add(queue);
  }

  #of(queue: string): Book {
    const book = this.#books.get(queue) ?? newBook();
    this.#books.set(queue, book);
    return book;
  }
}
