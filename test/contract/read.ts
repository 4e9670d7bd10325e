import type { Test } from 'tap';
import type { Queue } from '../../src/queue/queue.js';
import { isProblem } from '../support/server.js';
import type { Start } from '../support/wire.js';
import {
  BATCH,
  Clock,
  damagedDirectory,
  dataOf,
  makeQueue,
  NDJSON,
  pushEach,
  pushNumbered,
  read,
  type Suite,
} from './words.js';

/** Twelve o'clock: `m0`; each further message ten minutes later; it is now two o'clock. */
async function aDay(t: Test, start: Start) {
  const clock = new Clock();
  const wire = await start(t, { now: clock.now });
  const queue = await makeQueue(wire);
  for (let i = 0; i < 6; i++) {
    await pushEach(queue, `m${i}`);
    clock.advance(600_000);
  }
  clock.ms = Date.UTC(2026, 0, 31, 14);
  return wire;
}

export const reads: Suite = (t, start) => {
  t.test('from takes every form', async (t) => {
    const wire = await aDay(t, start);
    const firsts: ReadonlyArray<readonly [from: string, first: number]> = [
      ['0', 0],
      ['5', 5],
      ['6', 6],
      ['-0', 6],
      ['-1', 5],
      ['-6', 0],
      ['-999', 0],
      ['oldest', 0],
      ['next', 6],
      ['2026-01-31T12:00:00Z', 0],
      ['2026-01-31T12:00:00.001Z', 1],
      ['2026-01-31t12:20:00z', 2],
      ['2026-01-31T13:20:00%2B01:00', 2],
      ['2026-01-31T13:20:00+01:00', 2],
      ['2026-01-31T11:30:00-01:00', 3],
      ['2020-01-01T00:00:00Z', 0],
      ['2026-01-31T12:50:00.000Z', 5],
      ['2026-01-31T12:50:00.001Z', 6],
      ['2100-01-01T00:00:00Z', 6],
      ['0s', 6],
      ['4199s', 6],
      ['4200s', 5],
      ['70m', 5],
      ['80m', 4],
      ['2h', 0],
      ['1h', 6],
      ['7d', 0],
      ['999999999d', 0],
    ];
    for (const [from, first] of firsts) t.match((await read(wire, `?from=${from}`)).json, { first, gap: null }, from);
  });

  t.test('what is no from is refused', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    const wrong = [
      '',
      'x',
      '1.5',
      '1e3',
      '0x1',
      '+1',
      '--1',
      'Oldest',
      'latest',
      '10',
      '9007199254740992',
      '1w',
      '-1h',
    ];
    wrong.push('2026-01-31', '2026-01-31T12:00:00', '2026-02-30T12:00:00Z', '2026-13-01T00:00:00Z', '12:00', '1%00');
    for (const from of wrong) {
      const answer = await read(wire, `?from=${from}`);
      if (from === '10') isProblem(t, answer, 416, 'beyond_end', { next: 0 });
      else isProblem(t, answer, 400, 'bad_parameter', { parameter: 'from', accepted: String });
    }
  });

  t.test('every parameter out of bounds, repeated or unknown is refused by name', (t) => badParameters(t, start));

  t.test('limits go with the form', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await pushEach(queue, 'a');
    const most: ReadonlyArray<readonly [accept: string, most: number]> = [
      ['application/json', 10_000],
      [NDJSON, 100_000],
      [BATCH, 1_000_000],
    ];
    for (const [accept, limit] of most) {
      t.equal((await read(wire, `?limit=${limit}`, { accept })).status, 200);
      isProblem(t, await read(wire, `?limit=${limit + 1}`, { accept }), 400, 'bad_parameter', { parameter: 'limit' });
    }
  });

  t.test('maxBytes bounds the payload, but for a first message', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire);
    await pushEach(queue, '12345', '', '123', '12345');
    const counts = [1, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 4];
    for (const [i, count] of counts.entries())
      t.equal(dataOf(await read(wire, `?maxBytes=${i + 1}`)).length, count, `maxBytes=${i + 1}`);
  });

  t.test('a gap is told, or with gap=fail refused', async (t) => {
    const wire = await start(t);
    const queue = await makeQueue(wire, { maxMessages: 3 });
    await pushNumbered(queue, 0, 10);
    const gap = { from: 2, to: 7, count: 5, reason: 'rotated' };
    t.match((await read(wire, '?from=2')).json, { first: 7, next: 10, gap });
    t.equal((await read(wire, '?from=2', { accept: NDJSON })).headers['rotera-gap'], '2-7');
    isProblem(t, await read(wire, '?from=2&gap=fail'), 410, 'rotated', { from: 2, to: 7, count: 5 });
    isProblem(t, await read(wire, '?from=2&to=5&gap=fail&wait=60'), 410, 'rotated', { from: 2, to: 5, count: 3 });
    for (const query of ['?from=7&gap=fail', '?gap=fail', '?from=-100&gap=fail', '?from=2&gap=ok'])
      t.equal((await read(wire, query)).status, 200, query);
  });

  t.test('what is damaged is a gap of its own, and an answer ends before it', async (t) => {
    // Too long to share a block.
    const texts = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(40_000));
    const wire = await start(t, { directory: await damagedDirectory(t, texts, 1) });
    t.match((await read(wire)).json, { first: 0, next: 1, upToDate: false, gap: null });
    const gap = { from: 1, to: 2, count: 1, reason: 'damaged' };
    t.match((await read(wire, '?from=1')).json, { first: 2, next: 4, upToDate: true, gap });
    isProblem(t, await read(wire, '?from=1&gap=fail'), 410, 'damaged', { from: 1, to: 2, count: 1 });
    isProblem(t, await wire.send({ path: '/queues/q/messages/1' }), 410, 'damaged', { from: 1, to: 2 });
    t.equal((await wire.send({ path: '/queues/q/messages/2' })).status, 200);
  });

  t.test('much damage is one gap, whoever asks', async (t) => {
    const texts = Array.from({ length: 80 }, (_, i) => `${i} `.repeat(20_000).slice(0, 40_000));
    const damaged = Array.from({ length: 70 }, (_, i) => 5 + i);
    const wire = await start(t, { directory: await damagedDirectory(t, texts, ...damaged) });
    const gap = { from: 5, to: 75, count: 70, reason: 'damaged' };
    t.match((await read(wire, '?from=5')).json, { first: 75, next: 80, upToDate: true, gap });
    t.match((await read(wire, '?from=5&wait=1&limit=1')).json, { first: 75, next: 76, gap });
    t.match((await read(wire, '?from=5&to=60')).json, { first: 60, next: 60, gap: { ...gap, to: 60, count: 55 } });
    t.match((await read(wire, '?cursor=c&from=5&limit=1')).json, { first: 75, gap });
    const tail = await wire.open('/queues/q/tail?from=5');
    const gaps: Array<{ from: number; to: number }> = [];
    for (let said = await tail.json(); said['type'] !== 'messages'; said = await tail.json())
      if (said['type'] === 'gap') gaps.push(said as unknown as { from: number; to: number });
    t.equal(gaps[0]?.from, 5);
    t.equal(gaps.at(-1)?.to, 75);
    t.ok(gaps.length > 1 && gaps.every(({ from }, i) => i === 0 || from === gaps[i - 1]?.to), 'piece by piece');
  });

  t.test('epoch refuses another life of the queue', async (t) => {
    const wire = await start(t);
    const { epoch } = await makeQueue(wire);
    t.equal((await read(wire, `?epoch=${epoch}`)).status, 200);
    isProblem(t, await read(wire, '?epoch=other'), 410, 'epoch_changed', { epoch });
    isProblem(t, await read(wire, '?epoch='), 400, 'bad_parameter', { parameter: 'epoch' });
  });

  t.test('Accept chooses among the forms as RFC 9110 says', async (t) => {
    const wire = await start(t);
    await makeQueue(wire);
    const chosen: ReadonlyArray<readonly [accept: string, type: string]> = [
      ['*/*', 'application/json'],
      [`${NDJSON}, */*`, NDJSON],
      [`*/*, ${NDJSON}`, NDJSON],
      [`application/json;q=0, */*`, NDJSON],
      [`application/json;q=0, ${NDJSON};q=0, application/*`, BATCH],
      [`application/*;q=0.5, ${BATCH};q=0.4`, 'application/json'],
      [`${NDJSON};q=0.9, ${BATCH};q=1.0`, BATCH],
      [`${NDJSON} ; q=0.1`, NDJSON],
      ['text/html,application/xhtml+xml,*/*;q=0.8', 'application/json'],
    ];
    for (const [accept, type] of chosen) {
      const { headers } = await read(wire, '', { accept });
      t.equal(headers['content-type']?.split(';')[0], type, accept);
      t.equal(headers['vary'], 'accept');
    }
    for (const accept of ['text/plain', '*/*;q=0', 'application/json;q=x', `${NDJSON};q=2`, '', 'application'])
      isProblem(t, await read(wire, '', { accept }), 406, 'not_acceptable', { accepted: Array });
  });

  t.test('a long poll ends with the first message', (t) => longPolls(t, start));
};

async function badParameters(t: Test, start: Start): Promise<void> {
  const wire = await start(t);
  await pushEach(await makeQueue(wire), 'a');
  const refused: ReadonlyArray<readonly [query: string, parameter: string]> = [
    ['to=-1', 'to'],
    ['to=x', 'to'],
    ['from=1&to=0', 'to'],
    ['limit=0', 'limit'],
    ['limit=', 'limit'],
    ['limit=1000001', 'limit'],
    ['maxBytes=0', 'maxBytes'],
    ['maxBytes=16777217', 'maxBytes'],
    ['maxBytes=1k', 'maxBytes'],
    ['wait=61', 'wait'],
    ['wait=0.5', 'wait'],
    ['wait=-1', 'wait'],
    ['gap=', 'gap'],
    ['gap=OK', 'gap'],
    ['move=1', 'move'],
    ['cursor=.x', 'cursor'],
    ['cursor=a%20b', 'cursor'],
    [`cursor=${'c'.repeat(129)}`, 'cursor'],
    ['ack=-1&cursor=c', 'ack'],
    ['ack=0', 'ack'],
    ['move=true', 'move'],
    ['epoch=a%2Fb', 'epoch'],
    ['from=0&from=0', 'from'],
    ['limit=1&limit=1', 'limit'],
    ['colour=red', 'colour'],
    ['From=0', 'From'],
    ['__proto__=1', '__proto__'],
    ['toString=1', 'toString'],
    ['window=5', 'window'],
    ['from[]=0', 'from[]'],
  ];
  for (const [query, parameter] of refused)
    isProblem(t, await read(wire, `?${query}`), 400, 'bad_parameter', { parameter, accepted: String });
}

async function longPolls(t: Test, start: Start): Promise<void> {
  const wire = await start(t);
  const queue = await makeQueue(wire);
  const waits = waiting(queue, 3);
  const polls = ['?wait=60', '?from=next&wait=60', '?from=0&to=9&wait=60'].map((query) => read(wire, query));
  await waits;
  await pushEach(queue, 'a');
  for (const answer of await Promise.all(polls)) t.strictSame(dataOf(answer), ['a']);
  t.strictSame(dataOf(await read(wire, '?from=0&to=0&wait=60')), [], 'an empty range never fills');
  const empty = await read(wire, '?from=next&wait=1', { accept: NDJSON });
  t.strictSame([empty.status, empty.body.length, empty.headers['rotera-read-next']], [200, 0, '1']);
  const again = waiting(queue, 1);
  const poll = read(wire, '?from=next&wait=60');
  await again;
  await queue.close('removed');
  isProblem(t, await poll, 404, 'queue_not_found');
}

/** Resolves when so many readers wait for a message. */
function waiting(queue: Queue, count: number): Promise<void> {
  return new Promise((resolve) => {
    const { waitFor } = queue;
    let waits = 0;
    queue.waitFor = (id, signal) => {
      waits++;
      if (waits === count) resolve();
      return waitFor.call(queue, id, signal);
    };
  });
}
