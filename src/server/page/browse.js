// @ts-check
/**
 * What is kept, page by page, from an id, a time or an age on.
 */
import { askJson, queueUrl, reason } from './api.js';
import { h, say } from './dom.js';
import { number } from './format.js';
import { gapRow, messageRow } from './messages.js';

/** @typedef {import('../../protocol/answers.js').ReadBody} ReadBody */

const PAGE = 50;

export class Browse {
  #queue;
  /** @type {ReadBody | undefined} */
  #page;
  #from = h('input', { name: 'from', value: `-${PAGE}`, spellcheck: 'false', 'aria-describedby': 'browse-hint' });
  #rows = h('ol', { class: 'messages', tabIndex: 0, 'aria-label': 'Messages of this range' });
  #said = h('p', { class: 'said', role: 'status' });
  #older = h('button', { type: 'button', disabled: true }, 'Older');
  #newer = h('button', { type: 'button', disabled: true }, 'Newer');
  #form = h(
    'form',
    { class: 'row' },
    h('label', {}, 'From', this.#from),
    h('button', { class: 'primary' }, 'Read'),
    this.#older,
    this.#newer,
  );
  element = h(
    'section',
    { class: 'panel', 'aria-labelledby': 'browse-title' },
    h('div', { class: 'head' }, h('h2', { id: 'browse-title' }, 'Browse'), this.#said),
    this.#form,
    h(
      'p',
      { class: 'hint', id: 'browse-hint' },
      'An id such as 1200, the last -50, oldest, a time such as 2026-01-31T12:00:00Z, or an age such as 10m.',
    ),
    this.#rows,
  );

  /** @param {string} queue */
  constructor(queue) {
    this.#queue = queue;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#read(this.#from.value.trim());
    });
    this.#older.addEventListener('click', () => {
      const { first = 0, oldest = 0 } = this.#page ?? {};
      void this.#read(String(Math.max(oldest, first - PAGE)), first);
    });
    this.#newer.addEventListener('click', () => void this.#read(String(this.#page?.next ?? 'oldest')));
  }

  /** Shows the message with this id, and those behind it. @param {number} id */
  show(id) {
    this.#from.value = String(id);
    void this.#read(String(id));
  }

  /** @param {string} from @param {number} [to] exclusive */
  async #read(from, to) {
    const query = new URLSearchParams({ from, limit: String(PAGE), ...(to === undefined ? {} : { to: String(to) }) });
    try {
      /** @type {ReadBody} */
      const page = await askJson(queueUrl(this.#queue, `/messages?${query}`));
      this.#page = page;
      const rows = page.messages.map((message) => messageRow(message, true));
      this.#rows.replaceChildren(...(page.gap === null ? [] : [gapRow(page.gap)]), ...rows);
      this.#older.disabled = page.first <= page.oldest;
      this.#newer.disabled = page.upToDate;
      const { first, next } = page;
      say(this.#said, first === next ? 'Nothing is there.' : `Ids ${number(first)} to ${number(next - 1)}.`);
    } catch (error) {
      say(this.#said, reason(error));
    }
  }
}
