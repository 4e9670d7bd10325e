// @ts-check
/**
 * Pushes one message.
 */
import { ask, queueUrl, reason } from './api.js';
import { h, say } from './dom.js';
import { number } from './format.js';

/** @param {string} queue @param {(id: number) => void} show */
export function pushForm(queue, show) {
  const text = h('textarea', { rows: 3, required: true, spellcheck: 'false', 'aria-label': 'The message' });
  const said = h('p', { class: 'said', role: 'status' });
  const form = h(
    'form',
    {},
    text,
    h(
      'p',
      { class: 'row' },
      h('button', { class: 'primary' }, 'Push it'),
      h('span', { class: 'hint' }, 'or Ctrl+Enter'),
    ),
  );
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      const options = { method: 'POST', body: text.value, headers: { 'content-type': 'text/plain' } };
      const { first } = await (await ask(queueUrl(queue, '/messages'), options)).json();
      text.value = '';
      const link = h(
        'button',
        { type: 'button', class: 'link', on: { click: () => show(first) } },
        `message ${number(first)}`,
      );
      said.replaceChildren('It is on the disk, as ', link, '.');
    } catch (error) {
      say(said, reason(error));
    }
  });
  return h(
    'section',
    { class: 'panel', 'aria-labelledby': 'push-title' },
    h('div', { class: 'head' }, h('h2', { id: 'push-title' }, 'Push'), said),
    form,
  );
}
