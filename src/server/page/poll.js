// @ts-check
/**
 * Looks at all queues every two seconds, while anybody looks at the page.
 */
import { askJson, Refusal, reason } from './api.js';
import { History } from './history.js';
import { isReadable } from './queue-model.js';

/**
 * @typedef {import('./queue-model.js').Stat} Stat
 * @typedef {import('./queue-model.js').Unreadable} Unreadable
 */

const EVERY_MS = 2000;
/** A list that takes long is asked for less often. */
const REST_FACTOR = 8;
const MOST_MS = 30_000;

/** Emits `list` after each look and `connection` when what {@link Poll.problem} says changes. */
export class Poll extends EventTarget {
  /** @type {ReadonlyArray<Stat | Unreadable>} */
  queues = [];
  /** By queue. @type {Map<string, History>} */
  histories = new Map();
  /** Why there is no list; empty while there is one, undefined before the first. @type {string | undefined} */
  problem;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #asking = false;

  constructor() {
    super();
    document.addEventListener('visibilitychange', () => document.hidden || this.now());
  }

  /** Looks now, and from then on. */
  async now() {
    if (this.#asking) return;
    clearTimeout(this.#timer);
    this.#asking = true;
    const began = performance.now();
    try {
      const { queues } = await askJson('queues');
      this.#take(queues);
      this.#say('');
    } catch (error) {
      for (const history of this.histories.values()) history.miss(Date.now());
      this.#say(error instanceof Refusal && error.status === 401 ? 'A token is needed.' : reason(error));
    }
    this.#asking = false;
    const rest = (performance.now() - began) * REST_FACTOR;
    this.#timer = setTimeout(() => document.hidden || this.now(), Math.min(MOST_MS, Math.max(EVERY_MS, rest)));
  }

  /** @param {string} queue */
  historyOf(queue) {
    const history = this.histories.get(queue) ?? new History();
    this.histories.set(queue, history);
    return history;
  }

  /** @param {ReadonlyArray<Stat | Unreadable>} queues */
  #take(queues) {
    this.queues = queues;
    for (const queue of queues) if (isReadable(queue)) this.historyOf(queue.queue).add(queue, Date.now());
    const names = new Set(queues.map(({ queue }) => queue));
    for (const name of this.histories.keys()) if (!names.has(name)) this.histories.delete(name);
    this.dispatchEvent(new Event('list'));
  }

  /** @param {string} problem */
  #say(problem) {
    if (this.problem === problem) return;
    this.problem = problem;
    this.dispatchEvent(new Event('connection'));
  }
}
