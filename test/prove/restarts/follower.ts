/**
 * A tail that comes back where it was, and knows how each of its connections ended: told or cut.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { overEvents, overSocket, type Way, type Word } from './ways.js';

/** Between a connection that ended or was refused and the next; ms. */
const PAUSE_MS = 25;

/** The ways in which tails follow, in turns. */
const WAYS: ReadonlyArray<readonly [name: string, way: Way]> = [
  ['WebSocket', overSocket('rotera.v1')],
  ['WebSocket with batches', overSocket('rotera.batch.v1')],
  ['server-sent events', overEvents],
];

/** Ways that close with a code say 1001 when the server goes away; an event stream just ends. */
const GOING_AWAY = 1001;

export class Follower {
  /** Id of the message wanted next. */
  next = 0;
  isOpen = false;
  /** Connections that were told before they ended. */
  told = 0;
  readonly wrong: string[] = [];
  readonly #name: string;
  readonly #way: Way;
  readonly #gone = new AbortController();

  /** @param seen messages by id, the same for all followers: each must be told the same */
  constructor(
    number: number,
    readonly url: string,
    readonly seen: string[],
  ) {
    const [name, way] = WAYS[number % WAYS.length] as (typeof WAYS)[number];
    this.#name = `tail ${number} (${name})`;
    this.#way = way;
  }

  /** Follows until it is stopped. Never rejects. */
  async run(): Promise<void> {
    while (!this.#gone.signal.aborted) {
      await this.#connect();
      await sleep(PAUSE_MS);
    }
  }

  stop(): void {
    this.#gone.abort();
  }

  async #connect(): Promise<void> {
    const { signal } = this.#gone;
    let last: Word['type'] | undefined;
    const hear = (word: Word): void => {
      last = word.type;
      this.#take(word);
    };
    const code = await this.#way(`${this.url}/queues/q/tail?from=${this.next}`, { hear, signal });
    this.isOpen = false;
    // What was refused before it was open is tried again; what was stopped from this side is over.
    if (last === undefined || signal.aborted) return;
    if (last === 'draining' && (code === undefined || code === GOING_AWAY)) this.told++;
    else this.#say(`ended with ${code} after '${last}', not after 'draining'`);
  }

  #take(word: Word): void {
    if (word.type === 'open') this.isOpen = true;
    if (word.type === 'gap') this.#say('was told a gap');
    if (word.type === 'error') this.#say(`was told an error: ${word.code}`);
    if (word.type === 'messages') for (const { id, text } of word.messages) this.#message(id, text);
  }

  #message(id: number, text: string): void {
    if (id !== this.next) this.#say(`got id ${id} where ${this.next} comes next`);
    this.next = id + 1;
    this.seen[id] ??= text;
    if (this.seen[id] !== text) this.#say(`got "${text}" as id ${id}, others "${this.seen[id]}"`);
  }

  #say(text: string): void {
    this.wrong.push(`${this.#name} ${text}`);
  }
}
