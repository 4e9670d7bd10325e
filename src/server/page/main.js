// @ts-check
/**
 * The page: which view is shown, whether the server answers, who is looking.
 */
import { needsToken, token } from './api.js';
import { byId, say } from './dom.js';
import { Overview } from './overview.js';
import { Poll } from './poll.js';
import { QueuePage } from './queue-page.js';

const main = byId('main', HTMLElement);
const connection = byId('connection', HTMLElement);
const dialog = byId('token-dialog', HTMLDialogElement);
const input = byId('token-input', HTMLInputElement);
const poll = new Poll();

/** @type {Overview | QueuePage | undefined} */
let view;

/** `#/queues/NAME`, or everything else: all queues. */
function open() {
  const name = /^#\/queues\/([^/]+)$/.exec(location.hash)?.[1];
  const first = view === undefined;
  view?.close();
  view = name === undefined ? new Overview(poll) : new QueuePage(decodeURIComponent(name), poll);
  document.title = `${view.title} · rotera`;
  main.replaceChildren(view.element);
  void view.update();
  // So that a screen reader begins with the new view; at the start the browser does it.
  if (!first) view.focus();
}

/** @param {string} why */
function askForToken(why) {
  say(byId('token-why', HTMLElement), why);
  if (dialog.open) return;
  input.value = '';
  dialog.showModal();
}

dialog.addEventListener('close', () => {
  if (dialog.returnValue === 'use' && input.value.trim() !== '') token.set(input.value.trim());
  else if (dialog.returnValue === 'forget') token.set('');
  else return;
  open();
  void poll.now();
});
byId('token', HTMLButtonElement).addEventListener('click', () => askForToken(''));
needsToken.addEventListener('needed', (event) => askForToken(/** @type {CustomEvent<string>} */ (event).detail));

poll.addEventListener('list', () => void view?.update());
poll.addEventListener('connection', () => {
  say(connection, poll.problem ?? '');
  connection.classList.toggle('bad', poll.problem !== '');
});
addEventListener('hashchange', open);
open();
void poll.now();
