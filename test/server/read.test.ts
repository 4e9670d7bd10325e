import t from 'tap';
import { batchOf } from '../../src/batch.js';
import { pushTexts } from '../support/queues.js';
import { contract, isProblem, type Response, type Server, startServer } from '../support/server.js';

const BATCH_TYPE = 'application/vnd.rotera.batch';
const NOW = Date.parse('2026-01-02T03:04:05.678Z');
const TIME = '2026-01-02T03:04:05.678Z';

/** A queue that keeps the last five of eight messages, `m3` to `m7`. */
async function fill({ queues }: Server): Promise<string> {
  const { queue } = await queues.create('q', { maxMessages: 5, maxBytes: 100_000, reserve: false });
  for (let i = 0; i < 8; i++) await pushTexts(queue, `m${i}`);
  return queue.epoch;
}

const read = ({ send }: Server, query = '', accept?: string): Promise<Response> =>
  send({ path: `/queues/q/messages${query}`, headers: accept === undefined ? {} : { accept } });

const data = ({ json }: Response): string[] => (json['messages'] as Array<{ data: string }>).map(({ data }) => data);

contract(t, 'a read without parameters is what is kept, from the oldest on', async (t, server) => {
  const epoch = await fill(server);
  const answer = await read(server);
  t.equal(answer.status, 200);
  t.match(answer.json, { queue: 'q', epoch, first: 3, next: 8, oldest: 3, upToDate: true, gap: null });
  t.strictSame(
    (answer.json['messages'] as Array<{ id: number }>).map(({ id }) => id),
    [3, 4, 5, 6, 7],
  );
  t.match(answer.headers, {
    'content-type': /^application\/json/,
    'cache-control': 'no-store',
    'rotera-epoch': epoch,
    'rotera-oldest': '3',
    'rotera-next': '8',
    'x-content-type-options': 'nosniff',
  });
});

contract(t, 'from, to and limit say what is read', async (t, server) => {
  await fill(server);
  const ranges: ReadonlyArray<readonly [query: string, messages: string[], rest: object]> = [
    ['?from=oldest', ['m3', 'm4', 'm5', 'm6', 'm7'], { first: 3, next: 8, upToDate: true, gap: null }],
    ['?from=5', ['m5', 'm6', 'm7'], { first: 5, next: 8, upToDate: true, gap: null }],
    ['?from=5&to=7', ['m5', 'm6'], { first: 5, next: 7, upToDate: false, gap: null }],
    ['?from=5&to=100', ['m5', 'm6', 'm7'], { first: 5, next: 8, upToDate: true, gap: null }],
    ['?from=5&to=5', [], { first: 5, next: 5, upToDate: false, gap: null }],
    ['?from=5&limit=2', ['m5', 'm6'], { first: 5, next: 7, upToDate: false, gap: null }],
    ['?from=-2', ['m6', 'm7'], { first: 6, next: 8, upToDate: true, gap: null }],
    ['?from=-2&limit=1', ['m6'], { first: 6, next: 7, upToDate: false, gap: null }],
    ['?from=-100', ['m3', 'm4', 'm5', 'm6', 'm7'], { first: 3, next: 8, upToDate: true, gap: null }],
    ['?from=next', [], { first: 8, next: 8, upToDate: true, gap: null }],
    ['?from=8', [], { first: 8, next: 8, upToDate: true, gap: null }],
    ['?from=1&limit=1', ['m3'], { first: 3, next: 4, gap: { from: 1, to: 3, count: 2, reason: 'rotated' } }],
    ['?from=0&to=2', [], { first: 2, next: 2, gap: { from: 0, to: 2, count: 2, reason: 'rotated' } }],
    ['?from=0&to=3', [], { first: 3, next: 3, gap: { from: 0, to: 3, count: 3, reason: 'rotated' } }],
    ['?maxBytes=1', ['m3'], { first: 3, next: 4, upToDate: false }],
    ['?maxBytes=4', ['m3', 'm4'], { first: 3, next: 5, upToDate: false }],
    ['?maxBytes=5', ['m3', 'm4'], { first: 3, next: 5, upToDate: false }],
  ];
  for (const [query, messages, rest] of ranges) {
    const answer = await read(server, query);
    t.strictSame(data(answer), messages, query);
    t.match(answer.json, rest, query);
  }
});

contract(t, 'an empty queue is read, too', async (t, { queues, send }) => {
  await queues.create('q', { maxBytes: 1000, reserve: false });
  const answer = await send({ path: '/queues/q/messages' });
  t.match(answer.json, { first: 0, next: 0, oldest: 0, upToDate: true, gap: null, messages: [] });
});

contract(t, 'at most 100 messages and 1 MiB come when nobody asks for more', async (t, { queues, send }) => {
  const { queue } = await queues.create('q', { maxBytes: 10_000_000, reserve: false });
  await pushTexts(queue, ...Array.from({ length: 150 }, (_, i) => `${i}`));
  t.match((await send({ path: '/queues/q/messages' })).json, { first: 0, next: 100, upToDate: false });
  for (let i = 0; i < 3; i++) await pushTexts(queue, 'x'.repeat(600_000));
  t.match((await send({ path: '/queues/q/messages?from=150' })).json, { first: 150, next: 151, upToDate: false });
});

contract(t, 'in JSON, text is text and anything else base64', async (t, { queues, send }) => {
  const { queue } = await queues.create('q', { maxBytes: 1000, reserve: false });
  const sent = ['plain', '', '"quoted" \n \u2028 \u0000', 'ü€😀'].map((text) => Buffer.from(text));
  await queue.push(batchOf([...sent, Buffer.from([0xff, 0x00, 0x80]), Buffer.from([0xed, 0xa0, 0x80])]));
  const { json } = await send({ path: '/queues/q/messages' });
  const messages = json['messages'] as Array<{ data: string; encoding?: string }>;
  t.strictSame(
    messages.map(({ data, encoding }) => [data, encoding]),
    [...sent.map((text) => [text.toString(), undefined]), ['/wCA', 'base64'], ['7aCA', 'base64']],
  );
});

t.test('in JSON, each message has its id and the time of its commit', async (t) => {
  const server = await startServer(t, { now: () => NOW });
  await fill(server);
  const { json } = await read(server, '?from=-1');
  t.strictSame(json['messages'], [{ id: 7, time: TIME, data: 'm7' }]);
  const lines = await read(server, '?from=-2', 'application/x-ndjson');
  t.equal(lines.body.toString(), `{"id":6,"time":"${TIME}","data":"m6"}\n{"id":7,"time":"${TIME}","data":"m7"}\n`);
});

contract(t, 'NDJSON and the binary form say the rest in headers', async (t, server) => {
  const epoch = await fill(server);
  for (const type of ['application/x-ndjson', BATCH_TYPE]) {
    const answer = await read(server, '?from=1&limit=2', type);
    t.match(answer.headers, {
      'content-type': new RegExp(`^${type}`),
      'rotera-epoch': epoch,
      'rotera-oldest': '3',
      'rotera-next': '8',
      'rotera-first': '3',
      'rotera-read-next': '5',
      'rotera-gap': '1-3',
      'rotera-up-to-date': 'false',
    });
    const rest = await read(server, '?from=5', type);
    t.match(rest.headers, { 'rotera-first': '5', 'rotera-read-next': '8', 'rotera-up-to-date': 'true' });
    t.equal(rest.headers['rotera-gap'], undefined);
    const none = await read(server, '?from=8', type);
    t.equal(none.status, 200);
    t.equal(none.body.length, 0);
  }
  const records = (await read(server, '?from=5', BATCH_TYPE)).body;
  t.ok(records.equals(batchOf(['m5', 'm6', 'm7'].map((text) => Buffer.from(text))).records));
});

contract(t, 'Accept chooses the form', async (t, server) => {
  await fill(server);
  const chosen: ReadonlyArray<readonly [accept: string, type: string]> = [
    ['*/*', 'application/json'],
    ['application/*', 'application/json'],
    ['text/html, application/x-ndjson;q=0.5, */*;q=0.1', 'application/x-ndjson'],
    ['application/json;q=0.2, Application/X-NDJSON', 'application/x-ndjson'],
    [BATCH_TYPE, BATCH_TYPE],
  ];
  for (const [accept, type] of chosen) {
    t.equal((await read(server, '', accept)).headers['content-type']?.split(';')[0], type, accept);
  }
  isProblem(t, await read(server, '', 'text/html'), 406, 'not_acceptable');
  isProblem(t, await read(server, '', 'application/json;q=0'), 406, 'not_acceptable');
});

contract(t, 'a read refuses what it does not understand', async (t, server) => {
  await fill(server);
  const bad = ['from=x', 'from=', 'from=1.5', 'from=0x10', 'from=99999999999999999', 'from=--1', 'to=-1', 'limit=0'];
  bad.push('limit=ten', 'limit=10001', 'limit=1&limit=2', 'maxBytes=0', 'maxBytes=16777217', 'wait=61', 'wait=-1');
  for (const query of bad) {
    const parameter = query.split('=')[0];
    isProblem(t, await read(server, `?${query}`), 400, 'bad_parameter', { parameter });
  }
  isProblem(t, await read(server, '?colour=red'), 400, 'bad_parameter', { parameter: 'colour' });
  isProblem(t, await read(server, '?from=5&to=4'), 400, 'bad_parameter', { parameter: 'to' });
  isProblem(t, await read(server, '?limit=100001', 'application/x-ndjson'), 400, 'bad_parameter', {
    parameter: 'limit',
  });
  t.equal((await read(server, '?limit=100000', 'application/x-ndjson')).status, 200);
  isProblem(t, await read(server, '?from=9'), 416, 'beyond_end', { next: 8 });
  isProblem(t, await server.send({ path: '/queues/none/messages' }), 404, 'queue_not_found', { queue: 'none' });
});

contract(t, 'a read waits for a first message', async (t, server) => {
  const { queue } = await server.queues.create('q', { maxBytes: 1000, reserve: false });
  const polls = ['?wait=60', '?from=next&wait=60', '?from=0&wait=60', '?from=-5&wait=60'].map((query) =>
    read(server, query),
  );
  // Pushed until all have their answer: which push a poll meets depends on when it has arrived.
  const answers = Promise.all(polls);
  let done = false;
  void answers.finally(() => {
    done = true;
  });
  for (let i = 0; !done; i++) {
    await pushTexts(queue, `m${i}`);
    await new Promise(setImmediate);
  }
  for (const { json } of await answers) t.ok((json['messages'] as unknown[]).length > 0);
  t.ok(data(await read(server, '?from=0&wait=60')).length > 0, 'it does not wait when there is one');
});

contract(t, 'a wait that ends empty is an empty answer', async (t, server) => {
  const epoch = await fill(server);
  const answer = await read(server, '?from=8&wait=1');
  t.equal(answer.status, 200);
  t.match(answer.json, { epoch, first: 8, next: 8, upToDate: true, gap: null, messages: [] });
  t.match((await read(server, '?from=3&to=3&wait=60')).json, { messages: [] }, 'nothing can come in an empty range');
});

t.test('many reads on one connection leave no listeners on it', async (t) => {
  const server = await startServer(t);
  await fill(server);
  const warnings: Error[] = [];
  const listen = (warning: Error): void => void warnings.push(warning);
  process.on('warning', listen);
  t.teardown(() => process.off('warning', listen));
  for (let i = 0; i < 30; i++) await read(server, '?from=oldest');
  await new Promise(setImmediate);
  t.strictSame(warnings, []);
});
