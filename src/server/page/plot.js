// @ts-check
/**
 * Rates over time, drawn by uPlot.
 */
import { h } from './dom.js';
import { rate } from './format.js';

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('uplot')} UPlot
 */

/** The script of the library defines it. */
const { uPlot } = /** @type {{ uPlot: typeof import('uplot') }} */ (/** @type {unknown} */ (globalThis));
const dark = matchMedia('(prefers-color-scheme: dark)');

/** @param {string} name */
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A plot of pushes and of what rotation removes; small ones have no axes. */
export class Plot {
  #box = h('div', { class: 'plot-box' });
  element = h('div', { class: 'plot', role: 'img' }, this.#box);
  /** @type {UPlot | undefined} */
  #plot;
  /** @type {History | undefined} */
  #history;
  #resized = new ResizeObserver(() => this.#plot?.setSize(this.#size()));
  #recolor = () => this.#draw(true);

  /** @param {{ small: boolean }} options */
  constructor({ small }) {
    this.small = small;
    this.element.classList.toggle('small', small);
    this.#resized.observe(this.#box);
    dark.addEventListener('change', this.#recolor);
  }

  /** @param {History} history */
  update(history) {
    this.#history = history;
    const text = `Pushed ${rate(history.pushRate)}, rotated out ${rate(history.rotationRate)}; at most ${rate(history.most)} pushed in the last minutes.`;
    if (this.element.getAttribute('aria-label') !== text) this.element.setAttribute('aria-label', text);
    this.#draw(false);
  }

  close() {
    dark.removeEventListener('change', this.#recolor);
    this.#resized.disconnect();
    this.#plot?.destroy();
  }

  #size() {
    return { width: Math.max(60, this.#box.clientWidth), height: this.small ? 36 : 150 };
  }

  /** @param {boolean} anew */
  #draw(anew) {
    const history = this.#history;
    if (history === undefined || !this.#box.isConnected) return;
    const data = /** @type {import('uplot').AlignedData} */ ([history.times, history.pushed, history.rotated]);
    if (anew) this.#plot?.destroy();
    if (anew || this.#plot === undefined) this.#plot = new uPlot(this.#options(), data, this.#box);
    else this.#plot.setData(data);
  }

  /** @returns {import('uplot').Options} */
  #options() {
    const pushed = color('--accent');
    const rotated = color('--rotated');
    const ink = color('--muted');
    const grid = { stroke: color('--line'), width: 1 };
    const axis = { show: !this.small, stroke: ink, grid, ticks: grid, font: '12px system-ui, sans-serif' };
    return {
      ...this.#size(),
      padding: this.small ? [2, 0, 2, 0] : [8, 28, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_, __, most) => [0, Math.max(1, (most ?? 0) * 1.1)] } },
      axes: [
        {
          ...axis,
          values: (_, times) => times.map((time) => new Date(time * 1000).toTimeString().slice(0, 8)),
          space: 90,
          size: 26,
        },
        {
          ...axis,
          values: (_, values) => values.map((value) => (Number.isInteger(value) ? rate(value) : '')),
          size: 64,
        },
      ],
      series: [
        {},
        { stroke: pushed, width: 1.5, fill: `${pushed}2b`, points: { show: false } },
        { stroke: rotated, width: 1.5, dash: [4, 3], points: { show: false } },
      ],
    };
  }
}

/** What the colors of a plot mean. */
export const legend = () =>
  h(
    'p',
    { class: 'legend', 'aria-hidden': 'true' },
    h('span', { class: 'swatch pushed' }),
    ' pushed ',
    h('span', { class: 'swatch rotated' }),
    ' rotated out',
  );
