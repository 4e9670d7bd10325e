// @ts-check
/**
 * A queue as the ring that it is: the newest message at the bead, the older ones fading behind it, each cursor at its place. It
 * turns as messages come.
 */
import { s, say } from './dom.js';
import { number, percent } from './format.js';
import { capacity, danger, dangerText, fill } from './queue-model.js';

/**
 * @typedef {import('./queue-model.js').Stat} Stat
 * @typedef {Record<string, import('./queue-model.js').Cursor>} Cursors
 */

const RADIUS = 42;
const PIECES = 36;
/** Most cursors that are drawn: those nearest to being overrun. */
const MOST_CURSORS = 24;
/** The ring is measured anew when its capacity is off by more than this, so that it does not jump with each message. */
const SLACK = 0.15;

/** @param {number} turn in whole turns, clockwise from the top @param {number} [radius] */
function point(turn, radius = RADIUS) {
  const angle = 2 * Math.PI * turn;
  return `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`;
}

/** An arc shorter than half a turn. @param {number} from @param {number} to */
const arc = (from, to) => `M${point(from)}A${RADIUS} ${RADIUS} 0 0 1 ${point(to)}`;

/** @param {number} turn */
const triangle = (turn) => `M${point(turn, 50)}L${point(turn - 0.014, 59)}L${point(turn + 0.014, 59)}Z`;

export class Ring {
  #pieces = Array.from({ length: PIECES }, () => s('path', { class: 'piece' }));
  #oldest = s('path', { class: 'oldest' });
  #cursors = s('g');
  #turning = s(
    'g',
    { class: 'turning' },
    ...this.#pieces,
    this.#oldest,
    this.#cursors,
    s('circle', { class: 'bead', cy: -RADIUS, r: 5.5 }),
  );
  #percent = s('text', { class: 'percent', y: 2 });
  #title = s('title');
  #capacity = 0;
  #turn = 0;
  #next = -1;

  element = s(
    'svg',
    { class: 'ring', viewBox: '-62 -62 124 124', role: 'img' },
    this.#title,
    s('circle', { class: 'track', r: RADIUS }),
    this.#turning,
    this.#percent,
    s('text', { class: 'caption', y: 16, textContent: 'full' }),
  );

  /** @param {Stat} stat @param {Cursors} cursors */
  update(stat, cursors) {
    const exact = capacity(stat);
    if (Math.abs(exact - this.#capacity) > SLACK * this.#capacity) this.#capacity = exact;
    const full = Math.min(1, stat.count / this.#capacity);
    this.#advance(stat.next);
    for (const [i, piece] of this.#pieces.entries()) this.#drawPiece(piece, i, full);
    this.#oldest.setAttribute('d', `M${point(-full, RADIUS - 7)}L${point(-full, RADIUS + 7)}`);
    this.#oldest.toggleAttribute('hidden', stat.count === 0);
    this.#drawCursors(stat, cursors, full);
    say(this.#percent, percent(fill(stat)));
    say(this.#title, describe(stat, cursors));
  }

  /** Turns as far as messages have come, and less than once at a time. @param {number} next */
  #advance(next) {
    const moved = this.#next < 0 ? next : Math.max(0, next - this.#next);
    this.#next = next;
    this.#turn += (moved / this.#capacity) % 1;
    this.#turning.style.transform = `rotate(${(360 * this.#turn).toFixed(1)}deg)`;
  }

  /** @param {SVGPathElement} piece @param {number} i counted from the newest @param {number} full */
  #drawPiece(piece, i, full) {
    const newer = i / PIECES;
    const older = Math.min((i + 1) / PIECES, full);
    piece.toggleAttribute('hidden', older <= newer);
    if (older <= newer) return;
    piece.setAttribute('d', arc(-older, -newer));
    piece.style.opacity = String(0.25 + 0.75 * (1 - newer / Math.max(full, 1 / PIECES)));
  }

  /** @param {Stat} stat @param {Cursors} cursors @param {number} full */
  #drawCursors(stat, cursors, full) {
    const nearest = Object.values(cursors).sort((a, b) => a.position - b.position);
    const marks = nearest.slice(0, MOST_CURSORS).map((cursor) => {
      const turn = -Math.min(full, Math.max(0, cursor.lag / this.#capacity));
      return s('path', { class: `cursor ${danger(cursor, stat)}`, d: triangle(turn) });
    });
    // Those in danger on top.
    this.#cursors.replaceChildren(...marks.reverse());
  }
}

/** The ring in words. @param {Stat} stat @param {Cursors} cursors */
function describe(stat, cursors) {
  const { queue, count, oldest, next } = stat;
  const standing = Object.entries(cursors).map(([name, cursor]) => `${name} ${dangerText(cursor, stat)}`);
  const kept = count === 0 ? 'empty' : `${percent(fill(stat))} full, ids ${number(oldest)} to ${number(next - 1)}`;
  return `${queue}: ${kept}. ${standing.length > 0 ? `Cursors: ${standing.join('; ')}.` : 'No cursors.'}`;
}
