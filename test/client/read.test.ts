import { rmSync } from 'node:fs';
import t from 'tap';
import { messagesOf } from '../../src/batch.js';
import { onBothPlatforms } from '../support/clients.js';
import { SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';

onBothPlatforms(t, 'messages come with id, time and bytes', async (t, connect) => {
  const { url } = await startServer(t, { now: () => Date.UTC(2026, 0, 2) });
  const client = connect({ url });
  const { epoch } = await client.create('q', SMALL);
  await client.push('q', ['{"a":1}', Uint8Array.of(0xff, 0, 0xfe)]);
  const { messages, ...batch } = await client.read('q');
  t.strictSame(batch, { queue: 'q', epoch, first: 0, next: 2, gap: null, upToDate: true });
  t.strictSame(
    messages.map(({ id, time, data }) => [id, time, [...data]]),
    [
      [0, Date.UTC(2026, 0, 2), [...Buffer.from('{"a":1}')]],
      [1, Date.UTC(2026, 0, 2), [0xff, 0, 0xfe]],
    ],
  );
  t.strictSame(messages[0]?.json(), { a: 1 });
  t.equal(messages[1]?.text, '\ufffd\u0000\ufffd');
  t.throws(() => messages[1]?.json(), SyntaxError);
  await client.push('q', '\ufeff{"marked":1}');
  const [marked] = (await client.read('q', { from: 2 })).messages;
  t.equal(marked?.text, '\ufeff{"marked":1}');
  t.strictSame(marked?.json(), { marked: 1 });
});

onBothPlatforms(t, 'records come as they are stored, with what is gone', async (t, connect) => {
  const client = connect({ url: (await startServer(t)).url });
  const { epoch } = await client.create('q', { ...SMALL, maxMessages: 2 });
  for (const text of ['a', 'b', 'c', 'd']) await client.push('q', text);
  const { records, ...batch } = await client.readRecords('q', { from: 0 });
  t.strictSame(batch, { epoch, first: 2, next: 4, upToDate: true, gap: { from: 0, to: 2, count: 2 } });
  t.strictSame(
    [...messagesOf(records)].map((message) => Buffer.from(message).toString()),
    ['c', 'd'],
  );
  t.match(await client.read('q', { from: 0 }), { gap: { from: 0, to: 2, count: 2, reason: 'rotated' } });
  await t.rejects(client.read('q', { from: 0, gap: 'fail' }), { code: 'rotated' });
});

t.test('pages go on to the end, to an id, or to a number of messages', async (t) => {
  const { client } = await startServer(t);
  await client.create('q', SMALL);
  await client.push(
    'q',
    Array.from({ length: 25_000 }, (_, i) => String(i)),
  );
  const ids = async (options: object): Promise<number[]> => {
    const all: number[] = [];
    for await (const { messages } of client.pages('q', options)) all.push(...messages.map(({ id }) => id));
    return all;
  };
  const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);
  t.strictSame(await ids({}), range(0, 25_000));
  t.strictSame(await ids({ from: 5, to: 20_000 }), range(5, 20_000));
  t.strictSame(await ids({ from: -12_000, limit: 11_000 }), range(13_000, 24_000));
});

t.test('pages go on from where a cursor stands, and leave it there', async (t) => {
  const { client } = await startServer(t);
  await client.create('q', SMALL);
  await client.push(
    'q',
    Array.from({ length: 25_000 }, (_, i) => String(i)),
  );
  const pages = async (options: object): Promise<Array<[first: number, next: number]>> => {
    const all: Array<[number, number]> = [];
    for await (const { first, next } of client.pages('q', { cursor: 'c', ...options })) {
      all.push([first, next]);
      if (all.length > 5) break;
    }
    return all;
  };
  t.strictSame(await pages({ wait: 1 }), [
    [0, 10_000],
    [10_000, 20_000],
    [20_000, 25_000],
  ]);
  t.match((await client.stat('q')).cursors, { c: { position: 0 } });
  t.strictSame(await pages({ ack: 9_999, limit: 12_000 }), [
    [10_000, 20_000],
    [20_000, 22_000],
  ]);
  t.match((await client.stat('q')).cursors, { c: { position: 10_000 } });
  t.strictSame(await pages({ from: 5, move: true, to: 10_010 }), [
    [5, 10_005],
    [10_005, 10_010],
  ]);
  t.match((await client.stat('q')).cursors, { c: { position: 5 } });
  t.strictSame(await pages({ limit: 0 }), []);
});

t.test('pages do not go on in another life of the queue', async (t) => {
  const { client, queues } = await startServer(t);
  const messages = Array.from({ length: 25_000 }, (_, i) => String(i));
  await client.create('q', SMALL);
  await client.push('q', messages);
  const pages = client.pages('q');
  t.match(await pages.next(), { value: { first: 0, next: 10_000 } });
  rmSync(`${queues.directory}/q.rot`);
  await queues.rescan();
  await client.create('q', SMALL);
  await client.push('q', messages);
  await t.rejects(pages.next(), { code: 'epoch_changed' });
});

onBothPlatforms(t, 'a read waits for a first message, until it is aborted', async (t, connect) => {
  const { url, client: other } = await startServer(t);
  const client = connect({ url });
  await client.create('q', SMALL);
  const waiting = client.read('q', { wait: 60 });
  await other.push('q', 'now');
  t.match(await waiting, { messages: [{ text: 'now' }] });
  const ending = new AbortController();
  const reason = new Error('stop it');
  const ended = client.read('q', { from: 1, wait: 60, signal: ending.signal });
  ending.abort(reason);
  await t.rejects(ended, reason);
});

onBothPlatforms(t, 'a cursor stands where it was acknowledged', async (t, connect) => {
  const client = connect({ url: (await startServer(t)).url });
  const { epoch } = await client.create('q', SMALL);
  await client.push('q', ['a', 'b', 'c', 'd']);
  t.match(await client.read('q', { cursor: 'c', limit: 2 }), { first: 0, next: 2 });
  t.match(await client.read('q', { cursor: 'c', limit: 2 }), { first: 0, next: 2 }, 'not acknowledged');
  t.match(await client.read('q', { cursor: 'c', limit: 2, ack: 1 }), { first: 2, next: 4 });
  await client.ack('q', 'c', 2, { epoch });
  t.match((await client.stat('q')).cursors, { c: { position: 3, lag: 1, missed: 0 } });
  await t.rejects(client.ack('q', 'other', 2), { code: 'cursor_not_found' });
  await t.rejects(client.ack('q', 'c', 2, { epoch: 'another' }), { code: 'epoch_changed' });
});

onBothPlatforms(t, 'stat and list tell how queues stand', async (t, connect) => {
  const client = connect({ url: (await startServer(t)).url });
  const made = await client.create('b', { ...SMALL, maxMessages: 10, maxAgeSeconds: null });
  await client.create('a', SMALL);
  t.match(await client.stat('b'), { ...made, tails: 0 });
  t.match((await client.list()).queues, [{ queue: 'a' }, { queue: 'b', maxMessages: 10 }]);
  await t.rejects(client.create('b', { maxMessages: 11 }), { code: 'config_mismatch' });
});
