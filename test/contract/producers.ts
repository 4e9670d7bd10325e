import { isProblem, type Response } from '../support/server.js';
import type { Wire } from '../support/wire.js';
import { Clock, makeQueue, push, read, type Suite } from './words.js';

const producer = (id: string, epoch: number | string, seq: number | string): Record<string, string> => ({
  'producer-id': id,
  'producer-epoch': String(epoch),
  'producer-seq': String(seq),
});

const pushAs = (wire: Wire, text: string, ...claim: Parameters<typeof producer>): Promise<Response> =>
  push(wire, text, producer(...claim));

export const producers: Suite = (t, start) => {
  t.test('a repeat answers the original ids and stores nothing', async (t) => {
    const wire = await start(t);
    const { epoch } = await makeQueue(wire);
    const first = await pushAs(wire, 'a', 'p', 1, 0);
    t.strictSame(first.json, { queue: 'q', epoch, first: 0, next: 1, duplicate: false });
    await push(wire, 'of somebody else');
    const repeat = await pushAs(wire, 'anything', 'p', 1, 0);
    t.equal(repeat.status, 200);
    t.strictSame(repeat.json, { queue: 'q', epoch, first: 0, next: 1, duplicate: true });
    t.match((await pushAs(wire, 'b', 'p', 1, 1)).json, { first: 2, next: 3, duplicate: false });
    t.equal((await read(wire)).json['next'], 3);
  });

  t.test('the last 64 results are kept; an older repeat is known, without its ids', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    for (let seq = 0; seq < 66; seq++) await pushAs(wire, `${seq}`, 'p', 0, seq);
    t.match((await pushAs(wire, 'x', 'p', 0, 65)).json, { first: 65, next: 66, duplicate: true });
    t.match((await pushAs(wire, 'x', 'p', 0, 2)).json, { first: 2, next: 3, duplicate: true });
    t.match((await pushAs(wire, 'x', 'p', 0, 1)).json, { first: null, next: null, duplicate: true });
    t.equal((await read(wire, '?from=next')).json['next'], 66);
  });

  t.test('a skipped seq is told what is expected', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    const gap = await pushAs(wire, 'a', 'p', 0, 1);
    isProblem(t, gap, 409, 'producer_gap', { expectedSeq: 0 });
    t.equal(gap.headers['producer-expected-seq'], '0');
    await pushAs(wire, 'a', 'p', 0, 0);
    t.equal((await pushAs(wire, 'a', 'p', 0, 5)).headers['producer-expected-seq'], '1');
    t.equal((await read(wire, '?from=next')).json['next'], 1);
  });

  t.test('a newer epoch begins at 0 and fences off the older one', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    await pushAs(wire, 'a', 'p', 3, 0);
    isProblem(t, await pushAs(wire, 'b', 'p', 4, 1), 409, 'producer_gap', { expectedSeq: 0 });
    t.match((await pushAs(wire, 'b', 'p', 4, 0)).json, { first: 1, duplicate: false });
    const fenced = await pushAs(wire, 'c', 'p', 3, 1);
    isProblem(t, fenced, 403, 'producer_fenced', { producerEpoch: 4 });
    t.equal(fenced.headers['producer-epoch'], '4');
    t.match((await pushAs(wire, 'c', 'other', 3, 0)).json, { first: 2, duplicate: false }, 'only this producer');
  });

  t.test('id, epoch and seq come all or none, each well formed and once', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    const all = producer('p', 0, 0);
    for (const name of Object.keys(all)) {
      const { [name]: _, ...rest } = all;
      isProblem(t, await push(wire, 'a', rest), 400, 'bad_parameter', { accepted: String, parameter: String });
    }
    const bad: ReadonlyArray<readonly [claim: Parameters<typeof producer>, parameter: string]> = [
      [['with space', 0, 0], 'Producer-Id'],
      [['a'.repeat(129), 0, 0], 'Producer-Id'],
      [['', 0, 0], 'Producer-Id'],
      [['p', -1, 0], 'Producer-Epoch'],
      [['p', 1.5, 0], 'Producer-Epoch'],
      [['p', '9007199254740992', 0], 'Producer-Epoch'],
      [['p', '', 0], 'Producer-Epoch'],
      [['p', 0, 'x'], 'Producer-Seq'],
      [['p', 0, '0, 0'], 'Producer-Seq'],
      [['p', 0, '0x0'], 'Producer-Seq'],
    ];
    for (const [claim, parameter] of bad)
      isProblem(t, await pushAs(wire, 'a', ...claim), 400, 'bad_parameter', { parameter });
    t.equal((await read(wire)).json['next'], 0);
    t.match((await pushAs(wire, 'a', `!${'~'.repeat(127)}`, 2 ** 53 - 1, 0)).json, { first: 0 }, 'the longest');
  });

  t.test('a repeat is recognised before If-Match is looked at', async (t) => {
    const wire = await start(t);
    const { epoch } = await makeQueue(wire);
    const headers = { ...producer('p', 0, 0), 'if-match': `"${epoch}:0"` };
    t.match((await push(wire, 'a', headers)).json, { first: 0, duplicate: false });
    t.match((await push(wire, 'a', headers)).json, { first: 0, duplicate: true });
    isProblem(t, await push(wire, 'b', { ...headers, ...producer('p', 0, 1) }), 412, 'next_moved', { next: 1 });
    t.match((await pushAs(wire, 'b', 'p', 0, 1)).json, { first: 1, duplicate: false }, 'a refused push used no seq');
  });

  t.test('a refused push uses no seq', async (t) => {
    const wire = await start(t);
    await makeQueue(wire, { maxMessageBytes: 3 });
    isProblem(t, await pushAs(wire, 'long', 'p', 0, 0), 413, 'message_too_large');
    t.match((await pushAs(wire, 'ok', 'p', 0, 0)).json, { first: 0, duplicate: false });
  });

  t.test('of too many producers the one unused longest gives way', async (t) => {
    const clock = new Clock();
    const wire = await start(t, { now: clock.now });
    // A small file remembers fewer of them: one eighth of its room, 1 KiB each.
    const { file } = (await makeQueue(wire, { maxBytes: 1000 })).stat();
    const most = Math.floor(file.limit / 8 / 1024);
    await Promise.all(Array.from({ length: most }, (_, i) => pushAs(wire, 'a', `p${i}`, 0, 0)));
    t.match((await pushAs(wire, 'a', 'p1', 0, 0)).json, { duplicate: true }, 'as many as there is room for');
    clock.advance(1000);
    await pushAs(wire, 'b', 'p0', 0, 1);
    await pushAs(wire, 'a', 'one-more', 0, 0);
    t.match((await pushAs(wire, 'a', 'p1', 0, 0)).json, { duplicate: false }, 'forgotten');
    t.match((await pushAs(wire, 'b', 'p0', 0, 1)).json, { duplicate: true }, 'used since');
    t.match((await pushAs(wire, 'a', 'one-more', 0, 0)).json, { duplicate: true }, 'new');
  });
};
