import t from 'tap';
import { contract, isProblem } from '../support/server.js';

const STAT = {
  queue: 'q',
  maxMessages: 10,
  maxBytes: 100_000,
  maxAgeSeconds: null,
  maxMessageBytes: 1000,
  reserve: false,
  oldest: 0,
  next: 0,
  count: 0,
  bytes: 0,
  oldestTime: null,
  newestTime: null,
  rotated: { messages: 0, byCount: 0, byBytes: 0, byAge: 0, byRoom: 0 },
  tails: 0,
  state: 'ok',
  stateReason: null,
};
const LIMITS = '{"maxMessages":10,"maxBytes":100000,"maxMessageBytes":1000,"reserve":false}';

contract(t, 'create makes a queue once', async (t, { send }) => {
  const made = await send({ method: 'PUT', path: '/queues/q', body: LIMITS });
  t.equal(made.status, 201);
  t.match(made.json, { ...STAT, epoch: /^[\w-]{12}$/, createdAt: /^\d{4}-\d\d-\d\dT.*Z$/ });
  const { epoch } = made.json as { epoch: string };
  t.match(made.headers, {
    location: '/queues/q',
    etag: `"${epoch}:0"`,
    'cache-control': 'no-store',
    'content-type': /^application\/json/,
    'x-content-type-options': 'nosniff',
    'rotera-epoch': epoch,
    'rotera-oldest': '0',
    'rotera-next': '0',
  });
  for (const body of [LIMITS, '{"maxMessages":10}', '{}', '']) {
    const found = await send({ method: 'PUT', path: '/queues/q', body });
    t.equal(found.status, 200, body);
    t.strictSame(found.json, made.json, body);
    t.equal(found.headers['location'], undefined);
  }
});

contract(t, 'create takes a body of any content type, and a name with its characters escaped', async (t, { send }) => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const made = await send({ method: 'PUT', path: '/queues/%35%35', headers, body: LIMITS });
  t.equal(made.status, 201);
  t.match(made.json, { queue: '55', maxMessages: 10 });
  t.equal(made.headers['location'], '/queues/55');
});

contract(t, 'create refuses what it does not understand, and makes nothing', async (t, { send }) => {
  const refused = async (body: string, details: object) =>
    isProblem(t, await send({ method: 'PUT', path: '/queues/q', body }), 400, 'bad_parameter', details);
  await refused('{', { parameter: 'body' });
  await refused('[]', { parameter: 'body' });
  await refused('null', { parameter: 'body' });
  await refused('5', { parameter: 'body' });
  await refused('{"maxMessage":1}', { parameter: 'maxMessage' });
  await refused('{"__proto__":1}', { parameter: '__proto__' });
  await refused('{"maxMessages":0}', { parameter: 'maxMessages', value: '0' });
  await refused('{"maxMessages":1.5}', { parameter: 'maxMessages' });
  await refused('{"maxMessages":null}', { parameter: 'maxMessages' });
  await refused('{"maxBytes":-1}', { parameter: 'maxBytes' });
  await refused('{"maxBytes":1e300}', { parameter: 'maxBytes' });
  await refused('{"maxMessageBytes":16777217}', { parameter: 'maxMessageBytes' });
  await refused('{"maxAgeSeconds":0}', { parameter: 'maxAgeSeconds' });
  await refused('{"reserve":"perhaps"}', { parameter: 'reserve' });
  const query = await send({ method: 'PUT', path: '/queues/q?maxMessages=5', body: LIMITS });
  isProblem(t, query, 400, 'bad_parameter', { parameter: 'maxMessages' });
  isProblem(t, await send({ path: '/queues/q' }), 404, 'queue_not_found');
});

contract(t, 'create refuses other limits than the queue has', async (t, { send }) => {
  await send({ method: 'PUT', path: '/queues/q', body: LIMITS });
  const other = await send({ method: 'PUT', path: '/queues/q', body: '{"maxMessages":11}' });
  isProblem(t, other, 409, 'config_mismatch', { field: 'maxMessages', value: 11, existing: 10 });
  isProblem(t, await send({ method: 'PUT', path: '/queues/.q' }), 400, 'bad_name', { value: '.q' });
});
