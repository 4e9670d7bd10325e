// @ts-check
/**
 * Messages as rows: id, time, and what was pushed, as text and never as anything else.
 */
import { h } from './dom.js';
import { number } from './format.js';

/** @typedef {import('../../protocol/answers.js').MessageBody} Message */
/** @typedef {import('../../protocol/answers.js').GapBody} Gap */

/** Of a long message so much is shown; the rest is a click away. */
const MOST_CHARACTERS = 4000;
/** Longest line of JSON. */
const LINE = 76;
const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** @param {unknown} value @returns {string} */
function onOneLine(value) {
  if (Array.isArray(value)) return `[${value.map(onOneLine).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${onOneLine(item)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

/** On one line what fits, else each member on one of its own. @param {unknown} value @param {string} indent @returns {string} */
function layOut(value, indent) {
  const line = onOneLine(value);
  if (line.length + indent.length <= LINE || typeof value !== 'object' || value === null) return line;
  const inner = `${indent}  `;
  const members = Array.isArray(value)
    ? value.map((item) => inner + layOut(item, inner))
    : Object.entries(value).map(([key, item]) => `${inner}${JSON.stringify(key)}: ${layOut(item, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return `${open}\n${members.join(',\n')}\n${indent}${close}`;
}

/** JSON laid out for reading, or undefined when it is none. @param {string} text */
function pretty(text) {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return layOut(JSON.parse(text), '');
  } catch {
    return undefined;
  }
}

/** @param {string} json */
function colored(json) {
  /** @type {(Node | string)[]} */
  const parts = [];
  let at = 0;
  for (const match of json.matchAll(TOKENS)) {
    const [all, string, colon] = match;
    const kind = colon !== undefined ? 'key' : string !== undefined ? 'string' : 'atom';
    const word = string ?? all;
    parts.push(json.slice(at, match.index), h('span', { class: kind }, word));
    at = match.index + word.length;
  }
  return [...parts, json.slice(at)];
}

/** @param {Message} message @param {boolean} prettily */
function content({ data, encoding, id }, prettily) {
  if (encoding === 'base64') return [h('span', { class: 'hint' }, 'base64 '), data.slice(0, MOST_CHARACTERS)];
  if (data.length > MOST_CHARACTERS)
    return [
      data.slice(0, MOST_CHARACTERS),
      h('span', { class: 'hint' }, ` … ${number(data.length)} characters; message ${id}`),
    ];
  const json = prettily ? pretty(data) : undefined;
  return json === undefined ? [data] : colored(json);
}

/** Local time to the millisecond. @param {string} time RFC 3339 */
const clock = (time) => {
  const date = new Date(time);
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
};

/** @param {Message} message @param {boolean} prettily */
export function messageRow(message, prettily) {
  const time = h('time', { datetime: message.time, title: new Date(message.time).toString() }, clock(message.time));
  const body = h('pre', {}, ...content(message, prettily));
  return h(
    'li',
    { class: 'message', data: { id: String(message.id) } },
    h('span', { class: 'id' }, number(message.id)),
    time,
    body,
  );
}

const REASONS = {
  rotated: 'rotated out',
  recreated: 'of an earlier life of the queue',
  damaged: 'damaged on the disk',
};

/** @param {Gap} gap */
export function gapRow({ from, to, count, reason }) {
  const what = count === null ? 'Messages are gone' : `${number(count)} messages are gone`;
  const ids = count === null ? '' : `, ids ${number(from)} to ${number(to - 1)}`;
  return h('li', { class: 'gap' }, `${what}${ids}: ${REASONS[reason]}.`);
}
