import { request } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { batchOf, messagesOf } from '../../src/batch.js';
import { BATCH_TYPE, NDJSON_TYPE } from '../../src/protocol/api.js';
import { startListening } from '../support/wire.js';

const KIB = 1024;
/** Around the sizes at which memory is borrowed, and pieces are cut. */
const SIZES = [1, 31 * KIB, 32 * KIB, 32 * KIB + 1, 64 * KIB, 64 * KIB + 1, 200 * KIB, 1024 * KIB, 1024 * KIB + 1];
const FORMS = ['application/octet-stream', BATCH_TYPE, NDJSON_TYPE] as const;

/** A body, in which each message is different, and what it says. */
function bodyOf(form: (typeof FORMS)[number], bytes: number, seed: number): { body: Buffer; messages: string[] } {
  const line = (i: number): string => `${seed}/${i}`.padEnd(40 + (i % 60), String.fromCharCode(97 + (seed % 26)));
  const messages: string[] = [];
  for (let left = bytes, i = 0; left > 0; left -= 104, i++) messages.push(line(i));
  if (form === NDJSON_TYPE) return { body: Buffer.from(`${messages.join('\n')}\n`), messages };
  if (form === BATCH_TYPE) return { body: Buffer.from(batchOf(messages.map(Buffer.from)).records), messages };
  const whole = messages.join('').slice(0, bytes);
  return { body: Buffer.from(whole), messages: [whole] };
}

/** Sends a body in pieces, each in a turn of its own. @returns the first id given */
async function push(port: number, form: string, body: Buffer, pieces: number, length: boolean): Promise<number> {
  const headers = { 'content-type': form, ...(length ? { 'content-length': body.length } : {}) };
  const sent = request({ port, method: 'POST', path: '/queues/q/messages', headers });
  const answered = new Promise<string>((resolve, reject) => {
    sent.on('error', reject).on('response', async (response) => {
      let text = '';
      for await (const piece of response.setEncoding('utf8')) text += piece;
      if (response.statusCode === 200) resolve(text);
      else reject(new Error(text));
    });
  });
  const size = Math.ceil(body.length / pieces);
  for (let at = 0; at < body.length; at += size) {
    sent.write(body.subarray(at, at + size));
    await nextTurn();
  }
  sent.end();
  return (JSON.parse(await answered) as { first: number }).first;
}

t.test('bodies of any form and length, in any pieces, at the same time, are stored as they were sent', async (t) => {
  const { port, queues } = await startListening(t);
  const { queue } = await queues.create('q', { maxBytes: 64 * 1024 * KIB, maxMessageBytes: 2048 * KIB });
  let seed = 0;
  const cases = FORMS.flatMap((form) =>
    SIZES.flatMap((bytes) =>
      [1, 2, 7].flatMap((pieces) => [true, false].map((length) => ({ form, bytes, pieces, length, seed: seed++ }))),
    ),
  );
  const stored = await Promise.all(
    cases.map(async ({ form, bytes, pieces, length, seed }) => {
      const { body, messages } = bodyOf(form, bytes, seed);
      return { first: await push(port, form, body, pieces, length), messages };
    }),
  );
  const kept = new Map<number, string>();
  for (let id = queue.oldest; id < queue.next; ) {
    const { slices, next } = queue.read({ from: id, limit: 10_000, maxBytes: 16 * 1024 * KIB });
    for (const { first, records } of slices)
      [...messagesOf(records)].forEach((message, i) => {
        kept.set(first + i, Buffer.from(message).toString());
      });
    id = next;
  }
  let right = 0;
  for (const { first, messages } of stored)
    messages.forEach((message, i) => {
      if (kept.get(first + i) === message) right++;
    });
  t.equal(right, queue.next, 'messages that are what was sent');
  t.equal(kept.size, queue.next);
});
