import { connect } from 'node:net';
import t from 'tap';
import { type ErrorCode, errorCodes, RoteraError, retryableCodes } from '../../src/errors.js';
import { problems } from '../../src/protocol/problem.js';
import { run, serve } from '../support/program.js';
import { pushTexts } from '../support/queues.js';
import { contract, isProblem, sendOverHttp, startServer } from '../support/server.js';

contract(t, 'routes and methods that are none', async (t, { send }) => {
  isProblem(t, await send({ path: '/nothing/here' }), 404, 'not_found');
  isProblem(t, await send({ path: '/queues/q/nothing' }), 404, 'not_found');
  const refused: ReadonlyArray<readonly [method: 'DELETE' | 'POST', path: string, allow: string]> = [
    ['DELETE', '/queues/q', 'GET, HEAD, PUT'],
    ['POST', '/queues/q', 'GET, HEAD, PUT'],
    ['DELETE', '/queues/q/messages', 'GET, POST'],
    ['POST', '/queues/q/tail', 'GET'],
    ['POST', '/queues', 'GET, HEAD'],
  ];
  for (const [method, path, allow] of refused) {
    const answer = await send({ method, path });
    isProblem(t, answer, 405, 'method_not_allowed');
    t.equal(answer.headers['allow']?.split(', ').sort().join(', '), allow, `${method} ${path}`);
  }
});

contract(t, 'URLs that are none', async (t, { send }) => {
  isProblem(t, await send({ path: '/queues/%zz' }), 400, 'bad_parameter');
  isProblem(t, await send({ path: `/queues/${'a'.repeat(1000)}` }), 400, 'bad_parameter');
  isProblem(t, await send({ path: `/queues/${'a'.repeat(129)}` }), 400, 'bad_name');
  isProblem(t, await send({ path: '/queues/..%2Fetc' }), 400, 'bad_name', { value: '../etc' });
});

t.test('what is no HTTP is answered with a problem, and the connection closed', async (t) => {
  const { url, send } = await startServer(t);
  const { hostname, port } = new URL(url);
  for (const request of [
    'nonsense\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n',
    'FOO / HTTP/1.1\r\n\r\n',
  ]) {
    const socket = connect(Number(port), hostname, () => socket.write(request));
    t.teardown(() => socket.destroy());
    let text = '';
    for await (const chunk of socket) text += chunk;
    const [head = '', body = ''] = text.split('\r\n\r\n');
    t.match(head, /^HTTP\/1.1 400 .*\r\ncontent-type: application\/problem\+json/i);
    t.match(JSON.parse(body), { status: 400, code: 'bad_parameter' });
  }
  t.equal((await send({ path: '/queues' })).status, 200, 'the server goes on');
});

t.test('an error that nobody thought of says nothing of our insides', async (t) => {
  const { queues, send } = await startServer(t);
  const { queue } = await queues.create('q', { maxBytes: 1000, reserve: false });
  await pushTexts(queue, 'a');
  queue.read = () => {
    throw new TypeError('secret: cannot read /somewhere/private.ts:12');
  };
  const answer = await send({ path: '/queues/q/messages' });
  isProblem(t, answer, 500, 'internal');
  t.notMatch(answer.body.toString(), /secret|private|TypeError/);
});

t.test('every code has its status at the wire, and says whether to try again', async (t) => {
  const { queues, send } = await startServer(t);
  const { queue } = await queues.create('q', { maxBytes: 1000, reserve: false });
  for (const code of errorCodes) {
    queue.push = (): Promise<never> => Promise.reject(new RoteraError(code, 'made up', { fact: 1 }));
    const answer = await send({ method: 'POST', path: '/queues/q/messages', body: 'x' });
    isProblem(t, answer, problems[code].status, code, { fact: 1 });
    t.equal(answer.json['retryable'], retryableCodes.has(code), code);
  }
});

t.test('a disk that is too small for a queue is found out without filling it', async (t) => {
  const dir = t.testdir();
  // The limit on files is a safety net: a pebibyte is more than any disk has, but the check could be gone one day.
  const { url } = await serve(t, ['--dir', dir], { maxFileKib: 20_000 });
  const send = sendOverHttp(url);
  const huge = await send({ method: 'PUT', path: '/queues/huge', body: '{"maxBytes":1125899906842624}' });
  isProblem(t, huge, 507, 'disk_full');
  t.strictSame((await send({ path: '/queues' })).json, { queues: [] });
  const ran = await run(['create', '-s', `${dir}/huge.rot`, '--max-bytes', '1024T'], { maxFileKib: 20_000 });
  t.equal(ran.code, 73);
});

t.test('the statuses of the contract', async (t) => {
  const contract: Partial<Record<ErrorCode, number>> = {
    bad_name: 400,
    bad_parameter: 400,
    empty_batch: 400,
    empty_body: 400,
    malformed_batch: 400,
    queue_not_found: 404,
    not_found: 404,
    method_not_allowed: 405,
    not_acceptable: 406,
    config_mismatch: 409,
    message_too_large: 413,
    push_too_large: 413,
    beyond_end: 416,
    internal: 500,
    overloaded: 503,
    draining: 503,
    queue_read_only: 503,
    queue_unreadable: 503,
    commit_timeout: 504,
    disk_full: 507,
  };
  for (const [code, status] of Object.entries(contract)) t.equal(problems[code as ErrorCode].status, status, code);
});
