// @ts-check
/**
 * One queue: how it stands, what comes, what is kept.
 */
import { askJson, queueUrl, Refusal, reason } from './api.js';
import { Browse } from './browse.js';
import { rotationText } from './card.js';
import { curlLines } from './curl.js';
import { h, say } from './dom.js';
import { age, bytes, duration, number, rate } from './format.js';
import { LiveTail } from './live-tail.js';
import { legend, Plot } from './plot.js';
import { pushForm } from './push-form.js';
import { danger, dangerText } from './queue-model.js';
import { Ring } from './ring.js';

/** @typedef {import('./queue-model.js').QueueBody} QueueBody */
/** @typedef {import('./poll.js').Poll} Poll */

/** @param {QueueBody} queue @param {import('./history.js').History} history @returns {ReadonlyArray<readonly [string, string]>} */
function facts(queue, history) {
  const { count, maxMessages, bytes: size, maxBytes, maxAgeSeconds, oldest, next, file, tails } = queue;
  const now = Date.now();
  return [
    ['Messages', `${number(count)} of at most ${number(maxMessages)}`],
    ['Payload', `${bytes(size)} of at most ${bytes(maxBytes)}`],
    [
      'Age',
      `oldest ${age(queue.oldestTime, now)}, newest ${age(queue.newestTime, now)}${maxAgeSeconds === null ? '' : `; kept for ${duration(maxAgeSeconds)}`}`,
    ],
    ['Ids', count === 0 ? `none; the next will be ${number(next)}` : `${number(oldest)} to ${number(next - 1)}`],
    ['Pushed', rate(history.pushRate)],
    ['Rotation', rotationText(queue, history)],
    ['Tails', number(tails)],
    ['File', `${bytes(file.bytes)} of at most ${bytes(file.limit)}`],
  ];
}

export class QueuePage {
  title;
  #name;
  #poll;
  #ring = new Ring();
  #plot = new Plot({ small: false });
  #trouble = h('p', { class: 'trouble', role: 'status', hidden: true });
  #facts = h('dl', { class: 'fact-list' });
  #cursors = h('tbody');
  #noCursors = h('p', { class: 'hint' }, 'None. A read or tail with cursor=NAME makes one.');
  #cursorTable = h(
    'table',
    { hidden: true },
    h(
      'thead',
      {},
      h('tr', {}, ...['Cursor', 'Behind', 'Missed', 'Standing'].map((text) => h('th', { scope: 'col' }, text))),
    ),
    this.#cursors,
  );
  #tail;
  #browse;
  #heading;
  element;

  /** @param {string} name @param {Poll} poll */
  constructor(name, poll) {
    this.#name = name;
    this.#poll = poll;
    this.title = name;
    this.#tail = new LiveTail(name);
    this.#browse = new Browse(name);
    this.#heading = h('h1', { tabIndex: -1 }, name);
    const standing = h(
      'section',
      { class: 'panel standing', 'aria-label': 'How it stands' },
      this.#ring.element,
      this.#facts,
      h('div', { class: 'wide' }, h('h2', {}, 'Last minutes'), this.#plot.element, legend()),
      h('div', { class: 'wide' }, h('h2', {}, 'Cursors'), this.#noCursors, this.#cursorTable),
    );
    const work = [pushForm(name, (id) => this.#browse.show(id)), this.#browse.element];
    this.element = h(
      'div',
      {},
      h('nav', { 'aria-label': 'Where you are' }, h('a', { href: '#/' }, 'All queues')),
      this.#heading,
      this.#trouble,
      h(
        'div',
        { class: 'columns' },
        h('div', {}, standing, curlLines(name)),
        h('div', {}, this.#tail.element, ...work),
      ),
    );
  }

  focus() {
    this.#heading.focus();
  }

  /** Shows how the queue stands. */
  async update() {
    try {
      /** @type {QueueBody} */
      const queue = await askJson(queueUrl(this.#name));
      this.#show(queue);
      this.#warn(queue.state === 'ok' ? '' : `This queue takes no writes: ${queue.stateReason}`);
    } catch (error) {
      // That there is no answer at all is said at the top of the page.
      if (error instanceof Refusal) this.#warn(reason(error));
    }
  }

  close() {
    this.#tail.close();
    this.#plot.close();
  }

  /** @param {string} text */
  #warn(text) {
    this.#trouble.hidden = text === '';
    say(this.#trouble, text);
  }

  /** @param {QueueBody} queue */
  #show(queue) {
    const history = this.#poll.historyOf(this.#name);
    this.#ring.update(queue, queue.cursors);
    this.#plot.update(history);
    this.#tail.noteEnd(queue.next);
    const rows = facts(queue, history).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)));
    this.#facts.replaceChildren(...rows);
    const cursors = Object.entries(queue.cursors).sort(([, a], [, b]) => a.position - b.position);
    this.#noCursors.hidden = cursors.length > 0;
    this.#cursorTable.hidden = cursors.length === 0;
    this.#cursors.replaceChildren(
      ...cursors.map(([name, cursor]) =>
        h(
          'tr',
          { class: danger(cursor, queue) },
          h('th', { scope: 'row' }, name),
          h('td', {}, number(cursor.lag)),
          h('td', {}, number(cursor.missed)),
          h('td', {}, dangerText(cursor, queue)),
        ),
      ),
    );
  }
}
