// @ts-check
/**
 * Makes a queue.
 */
import { ask, queueUrl, reason } from './api.js';
import { h, say } from './dom.js';

/** @param {string} name @param {string} text @param {Record<string, unknown>} props */
const field = (name, text, props) => h('label', {}, text, h('input', { name, ...props }));

/** Field names of the API, with what is typed by default left to the server. */
const NUMBERS = ['maxMessages', 'maxBytes', 'maxAgeSeconds'];

/** @param {FormData} form */
function limitsOf(form) {
  const given = NUMBERS.filter((name) => form.get(name) !== '').map((name) => [name, Number(form.get(name))]);
  return Object.fromEntries(given);
}

/** @param {(queue: string) => void} onCreated */
export function createForm(onCreated) {
  const said = h('p', { class: 'said', role: 'status' });
  const number = { type: 'number', min: 1, inputmode: 'numeric' };
  const form = h(
    'form',
    { class: 'row' },
    field('name', 'Name', { required: true, pattern: '[A-Za-z0-9][A-Za-z0-9._\\-]{0,127}', autocomplete: 'off' }),
    field('maxMessages', 'Most messages', { ...number, placeholder: '1,000,000' }),
    field('maxBytes', 'Most bytes', { ...number, placeholder: '67,108,864' }),
    field('maxAgeSeconds', 'Oldest, in seconds', { ...number, placeholder: 'any age' }),
    h('button', { class: 'primary' }, 'Create it'),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const given = new FormData(form);
    const name = String(given.get('name'));
    try {
      const { status } = await ask(queueUrl(name), { method: 'PUT', body: JSON.stringify(limitsOf(given)) });
      say(said, status === 201 ? `The queue ${name} is there.` : `The queue ${name} was there already.`);
      form.reset();
      onCreated(name);
    } catch (error) {
      say(said, reason(error));
    }
  });
  return h('details', { class: 'panel create' }, h('summary', {}, 'Create a queue'), form, said);
}
