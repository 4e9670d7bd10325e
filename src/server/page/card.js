// @ts-check
/**
 * One queue of the overview.
 */
import { h, say } from './dom.js';
import { age, brief, bytes, number, rate } from './format.js';
import { Plot } from './plot.js';
import { danger, dangerText, isReadable, rotatedBy } from './queue-model.js';
import { Ring } from './ring.js';

/**
 * @typedef {import('./queue-model.js').Stat} Stat
 * @typedef {import('./queue-model.js').Unreadable} Unreadable
 * @typedef {import('./ring.js').Cursors} Cursors
 * @typedef {import('./history.js').History} History
 */

/** Most cursors that a card names: those nearest to being overrun. */
const MOST_CURSORS = 4;

/** @param {Stat} stat @param {History} history */
export function rotationText(stat, history) {
  const now = rotatedBy(stat, history.earlier);
  if (history.earlier !== undefined && now.length > 0)
    return `rotating ${rate(history.rotationRate)}, by ${now.join(' and ')}`;
  const ever = rotatedBy(stat);
  if (ever.length === 0) return 'nothing rotated out yet';
  return `${brief(stat.rotated.messages)} rotated out, by ${ever.join(' and ')}`;
}

export class Card {
  #ring = new Ring();
  #plot = new Plot({ small: true });
  #facts = h('p', { class: 'facts' });
  #pace = h('p', { class: 'facts' });
  #trouble = h('p', { class: 'trouble', hidden: true });
  #cursors = h('ul', { class: 'cursors' });
  /** Whether it is on the screen. */
  visible = false;
  /** @type {Cursors} */
  cursors = {};
  element;

  /** @param {string} name */
  constructor(name) {
    this.name = name;
    const link = h('a', { href: `#/queues/${encodeURIComponent(name)}` }, name);
    const text = h('div', { class: 'card-text' }, h('h2', {}, link), this.#trouble, this.#facts, this.#pace);
    this.element = h(
      'li',
      { class: 'card', data: { queue: name } },
      this.#ring.element,
      text,
      this.#plot.element,
      this.#cursors,
    );
  }

  /** @param {Stat | Unreadable} queue @param {History} history */
  update(queue, history) {
    const readable = isReadable(queue);
    this.#trouble.hidden = queue.state === 'ok';
    say(this.#trouble, queue.state === 'ok' ? '' : `${queue.state.replace('_', '-')}: ${queue.stateReason}`);
    for (const part of [this.#ring.element, this.#plot.element]) part.toggleAttribute('hidden', !readable);
    if (!readable) return;
    const { count, bytes: size, oldestTime } = queue;
    const kept =
      count === 0 ? 'empty' : `${brief(count)} messages, ${bytes(size)}, the oldest ${age(oldestTime, Date.now())} old`;
    say(this.#facts, kept);
    say(this.#pace, `${rate(history.pushRate)} pushed; ${rotationText(queue, history)}`);
    this.#ring.update(queue, this.cursors);
    this.#plot.update(history);
    this.#listCursors(queue);
  }

  close() {
    this.#plot.close();
  }

  /** @param {Stat} stat */
  #listCursors(stat) {
    const all = Object.entries(this.cursors).sort(([, a], [, b]) => a.position - b.position);
    const items = all
      .slice(0, MOST_CURSORS)
      .map(([name, cursor]) =>
        h(
          'li',
          { class: danger(cursor, stat) },
          h('b', {}, name),
          ` ${number(cursor.lag)} behind · ${dangerText(cursor, stat)}`,
        ),
      );
    if (all.length > MOST_CURSORS) items.push(h('li', {}, `and ${all.length - MOST_CURSORS} more cursors`));
    this.#cursors.replaceChildren(...items);
  }
}
