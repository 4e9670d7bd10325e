// @ts-check
/**
 * What is pushed, as it comes: to be paused, filtered and read.
 */
import { h, say } from './dom.js';
import { number } from './format.js';
import { gapRow, messageRow } from './messages.js';
import { follow } from './tail-stream.js';

/** @typedef {import('./tail-stream.js').TailEvent} TailEvent */

/** Rows shown, and events kept while it is paused; older ones give way. */
const MOST_ROWS = 200;
const MOST_KEPT = 1000;
/** Behind by more than this, it goes on at the end: nobody can read so fast. */
const MOST_BEHIND = 20_000;
const BACK = 50;

export class LiveTail {
  #queue;
  #gone = new AbortController();
  /** @type {TailEvent[]} */
  #waiting = [];
  #dropped = 0;
  #paused = false;
  #drawing = false;
  #problem = '';
  #last = -1;

  #rows = h('ol', { class: 'messages', tabIndex: 0, 'aria-label': 'Messages as they come' });
  #state = h('p', { class: 'said', role: 'status' });
  #filter = h('input', { type: 'search', placeholder: 'Filter', 'aria-label': 'Show only messages that contain this' });
  #pretty = h('input', { type: 'checkbox', checked: true });
  #pause = h('button', { type: 'button', 'aria-pressed': 'false' }, 'Pause');
  element = h(
    'section',
    { class: 'panel', 'aria-labelledby': 'tail-title' },
    h('div', { class: 'head' }, h('h2', { id: 'tail-title' }, 'Live'), this.#state),
    h(
      'div',
      { class: 'row' },
      this.#pause,
      this.#filter,
      h('label', { class: 'check' }, this.#pretty, ' pretty JSON'),
      h('button', { type: 'button', on: { click: () => this.#clear() } }, 'Clear'),
    ),
    this.#rows,
  );

  /** @param {string} queue */
  constructor(queue) {
    this.#queue = queue;
    this.#pause.addEventListener('click', () => this.#toggle());
    this.#filter.addEventListener('input', () => this.#refilter());
    this.#open(`-${BACK}`);
  }

  /** Goes on at the end when it is too far behind. @param {number} next of the queue */
  noteEnd(next) {
    const behind = next - 1 - this.#last;
    if (this.#last < 0 || behind <= MOST_BEHIND) return;
    this.#gone.abort();
    this.#gone = new AbortController();
    this.#rows.append(
      h('li', { class: 'gap' }, `${number(behind)} messages come faster than they can be shown: going on at the end.`),
    );
    this.#open(`-${BACK}`);
  }

  close() {
    this.#gone.abort();
  }

  /** @param {string} from */
  #open(from) {
    const { signal } = this.#gone;
    void follow(this.#queue, {
      from,
      signal,
      take: (events) => this.#take(events),
      onState: (problem) => {
        this.#problem = problem;
        this.#tell();
      },
    });
  }

  /** @param {TailEvent[]} events */
  #take(events) {
    for (const event of events) {
      if (event.type === 'message') this.#last = event.id;
      this.#waiting.push(event);
    }
    const excess = this.#waiting.length - MOST_KEPT;
    if (excess > 0) {
      this.#waiting.splice(0, excess);
      this.#dropped += excess;
    }
    this.#drawSoon();
  }

  #drawSoon() {
    if (this.#drawing) return;
    this.#drawing = true;
    // A page in the background draws no frames.
    const soon = document.hidden ? setTimeout : requestAnimationFrame;
    soon(() => {
      this.#drawing = false;
      if (!this.#paused) this.#draw();
      this.#tell();
    });
  }

  #draw() {
    const atEnd = this.#rows.scrollHeight - this.#rows.scrollTop - this.#rows.clientHeight < 40;
    const rows = this.#waiting.slice(-MOST_ROWS).flatMap((event) => this.#rowOf(event) ?? []);
    this.#waiting = [];
    this.#dropped = 0;
    this.#rows.append(...rows);
    while (this.#rows.children.length > MOST_ROWS) this.#rows.firstElementChild?.remove();
    if (atEnd) this.#rows.scrollTop = this.#rows.scrollHeight;
  }

  /** @param {TailEvent} event */
  #rowOf(event) {
    if (event.type === 'draining') return h('li', { class: 'gap' }, 'The server is stopping.');
    if (event.type === 'gap') return gapRow(event.gap);
    const row = messageRow(JSON.parse(event.raw), this.#pretty.checked);
    row.hidden = !this.#passes(row);
    return row;
  }

  /** @param {Element} row */
  #passes(row) {
    const wanted = this.#filter.value.trim().toLowerCase();
    return wanted === '' || (row.textContent ?? '').toLowerCase().includes(wanted);
  }

  #refilter() {
    for (const row of this.#rows.querySelectorAll('li')) row.hidden = !this.#passes(row);
  }

  #toggle() {
    this.#paused = !this.#paused;
    this.#pause.setAttribute('aria-pressed', String(this.#paused));
    this.#drawSoon();
  }

  #clear() {
    this.#rows.replaceChildren();
  }

  #tell() {
    const kept = this.#waiting.length;
    const waiting = `Paused. ${number(kept)} more have come${this.#dropped > 0 ? `, and ${number(this.#dropped)} before them` : ''}.`;
    say(this.#state, this.#problem !== '' ? this.#problem : this.#paused ? waiting : 'Following.');
  }
}
