// @ts-check
/**
 * A tail of server-sent events over fetch, since EventSource cannot send a token. Comes back by itself, where it was.
 */
import { ask, queueUrl, Refusal, reason } from './api.js';

/**
 * @typedef {import('../../protocol/answers.js').GapBody} Gap
 * @typedef {{ type: 'message', id: number, raw: string } | { type: 'gap', gap: Gap } | { type: 'draining' }} TailEvent
 * `raw` is the JSON of the message: most are never looked at when many come
 */

const LEAST_WAIT_MS = 500;
const MOST_WAIT_MS = 5000;

/** @param {string} block lines of one event @returns {TailEvent & { last?: string } | undefined} */
function eventOf(block) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
  }
  const { event, data, id } = fields;
  if (data === undefined) return undefined;
  if (event === 'gap') return { type: 'gap', gap: JSON.parse(data) };
  if (event === 'draining') return { type: 'draining' };
  return id === undefined ? undefined : { type: 'message', id: Number(id.split(':')[1]), raw: data, last: id };
}

/** @param {ReadableStream<Uint8Array>} body */
async function* eventsOf(body) {
  const reader = body
    .pipeThrough(/** @type {ReadableWritablePair<string, Uint8Array>} */ (new TextDecoderStream()))
    .getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (text + value).split('\n\n');
      text = blocks.pop() ?? '';
      const events = blocks.flatMap((block) => eventOf(block) ?? []);
      if (events.length > 0) yield events;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** @param {number} ms @param {AbortSignal} signal */
const pause = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => [clearTimeout(timer), resolve(undefined)], { once: true });
  });

/**
 * Calls `take` with what comes, many at once, until the signal aborts.
 * @param {string} queue
 * @param {{ from: string, signal: AbortSignal, take: (events: TailEvent[]) => void, onState: (problem: string) => void }} options
 * `onState` is told why nothing comes, and the empty text once it does
 */
export async function follow(queue, { from, signal, take, onState }) {
  let last = '';
  let wait = LEAST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const headers = last === '' ? undefined : { 'last-event-id': last };
      const path = queueUrl(queue, last === '' ? `/tail?from=${encodeURIComponent(from)}` : '/tail');
      const response = await ask(path, { patient: true, signal, ...(headers === undefined ? {} : { headers }) });
      onState('');
      wait = LEAST_WAIT_MS;
      for await (const events of eventsOf(/** @type {ReadableStream<Uint8Array>} */ (response.body))) {
        last = events.findLast((event) => event.last !== undefined)?.last ?? last;
        take(events);
      }
      onState('The server ended the tail; trying again.');
    } catch (error) {
      if (signal.aborted) return;
      // Ids that are not there any more: the queue was made anew.
      if (error instanceof Refusal && error.status === 416) last = '';
      onState(reason(error));
    }
    await pause(wait, signal);
    wait = Math.min(MOST_WAIT_MS, wait * 2);
  }
}
