// @ts-check
/**
 * The same with curl, to be copied.
 */
import { token } from './api.js';
import { h, say } from './dom.js';

/** @param {string} queue @returns {ReadonlyArray<readonly [what: string, line: string]>} */
function lines(queue) {
  const url = new URL(`queues/${encodeURIComponent(queue)}`, document.baseURI).href.replace(/#.*/, '');
  // Never the token itself: lines are pasted into places where secrets do not belong.
  const who = token.get() === '' ? '' : ' -H "Authorization: Bearer $ROTERA_TOKEN"';
  return [
    ['Push a message', `curl${who} '${url}/messages' --data-binary 'hello'`],
    ['Push lines', `curl${who} '${url}/messages' -H 'Content-Type: application/x-ndjson' --data-binary @FILE`],
    ['Read the last ten', `curl${who} '${url}/messages?from=-10'`],
    ['Follow it', `curl${who} -N '${url}/tail?from=-10'`],
    ['How it stands', `curl${who} '${url}'`],
  ];
}

/** @param {string} what @param {string} line */
function copyable(what, line) {
  const code = h('code', {}, line);
  const button = h('button', { type: 'button', 'aria-label': `Copy: ${what}` }, 'Copy');
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(line);
      say(button, 'Copied');
    } catch {
      // Not allowed here: the line is marked, to be copied by hand.
      getSelection()?.selectAllChildren(code);
      say(button, 'Marked');
    }
    setTimeout(() => say(button, 'Copy'), 2000);
  });
  return h('li', {}, h('span', { class: 'line' }, h('span', { class: 'hint' }, what), button), code);
}

/** @param {string} queue */
export const curlLines = (queue) =>
  h(
    'section',
    { class: 'panel with-curl', 'aria-labelledby': 'curl-title' },
    h('h2', { id: 'curl-title' }, 'With curl'),
    h('ul', { class: 'curl' }, ...lines(queue).map(([what, line]) => copyable(what, line))),
  );
