// @ts-check
/**
 * All queues.
 */
import { askJson, queueUrl } from './api.js';
import { Card } from './card.js';
import { createForm } from './create-form.js';
import { h, say } from './dom.js';
import { brief, bytes, rate } from './format.js';
import { isReadable } from './queue-model.js';

/** @typedef {import('./poll.js').Poll} Poll */

/** From so many queues on there is a field to find one. */
const MANY = 8;
/** Most queues whose cursors are asked for at each look. */
const MOST_ASKED = 24;

export class Overview {
  title = 'Queues';
  /** @type {Map<string, Card>} */
  #cards = new Map();
  #total = h('p', { class: 'total' });
  #find = h('input', { type: 'search', 'aria-label': 'Find queues by name', placeholder: 'Find', hidden: true });
  #list = h('ul', { class: 'cards' });
  #none = h(
    'p',
    { class: 'panel', hidden: true },
    'There is no queue yet. Create one here, or with ',
    h('code', {}, 'curl -X PUT'),
    '.',
  );
  #create = createForm(() => void this.#poll.now());
  #heading = h('h1', { tabIndex: -1 }, 'Queues');
  element = h(
    'div',
    {},
    h('div', { class: 'head' }, this.#heading, this.#total, this.#find),
    this.#none,
    this.#list,
    this.#create,
  );
  #poll;
  #seen = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const card = this.#cards.get(target.getAttribute('data-queue') ?? '');
      if (card !== undefined) card.visible = isIntersecting;
    }
  });

  /** @param {Poll} poll */
  constructor(poll) {
    this.#poll = poll;
    this.#find.addEventListener('input', () => this.update());
  }

  focus() {
    this.#heading.focus();
  }

  /** Shows what the last look has seen. */
  update() {
    const { queues, histories } = this.#poll;
    const wanted = this.#find.value.trim().toLowerCase();
    const shown = queues.filter(({ queue }) => queue.toLowerCase().includes(wanted));
    const names = new Set(shown.map(({ queue }) => queue));
    for (const [name, card] of this.#cards) if (!names.has(name)) this.#drop(name, card);
    for (const queue of shown) this.#cardOf(queue.queue).update(queue, this.#poll.historyOf(queue.queue));
    this.#order(shown.map(({ queue }) => this.#cardOf(queue).element));
    const readable = queues.filter(isReadable);
    const pace = [...histories.values()].reduce((sum, { pushRate }) => sum + pushRate, 0);
    const size = readable.reduce((sum, { bytes }) => sum + bytes, 0);
    say(this.#total, `${brief(queues.length)} queues, ${bytes(size)} kept, ${rate(pace)} pushed`);
    this.#find.hidden = queues.length < MANY;
    this.#none.hidden = queues.length > 0 || this.#poll.problem === undefined;
    if (queues.length === 0 && this.#poll.problem === '') this.#create.open = true;
    void this.#askCursors();
  }

  close() {
    this.#seen.disconnect();
    for (const card of this.#cards.values()) card.close();
  }

  /** The cursors of the queues on the screen; the list has none. */
  async #askCursors() {
    const cards = [...this.#cards.values()].filter(({ visible }) => visible).slice(0, MOST_ASKED);
    await Promise.all(
      cards.map(async (card) => {
        try {
          const queue = await askJson(queueUrl(card.name));
          card.cursors = queue.cursors;
        } catch {
          // The next look at the list says what is wrong, or that the queue is gone.
        }
      }),
    );
  }

  /** @param {string} name */
  #cardOf(name) {
    const known = this.#cards.get(name);
    if (known !== undefined) return known;
    const card = new Card(name);
    this.#cards.set(name, card);
    this.#list.append(card.element);
    this.#seen.observe(card.element);
    return card;
  }

  /** @param {string} name @param {Card} card */
  #drop(name, card) {
    this.#seen.unobserve(card.element);
    card.close();
    card.element.remove();
    this.#cards.delete(name);
  }

  /** Moves only what stands in a wrong place, so that the focus stays. @param {readonly Element[]} wanted */
  #order(wanted) {
    for (const [i, element] of wanted.entries()) {
      const there = this.#list.children[i];
      if (there !== element) this.#list.insertBefore(element, there ?? null);
    }
  }
}
