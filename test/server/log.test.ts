import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Writable } from 'node:stream';
import t from 'tap';
import { Access } from '../../src/server/access.js';
import { readableLine } from '../../src/server/readable-log.js';
import { makeToken, parseTokens } from '../../src/tokens.js';
import { type Server, startServer } from '../support/server.js';
import { tailOverWebSocket } from '../support/tails.js';

const SECRET_MESSAGE = 'the-secret-of-the-message';

class Log extends Writable {
  readonly lines: Array<Record<string, unknown>> = [];
  text = '';

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk;
    for (const line of String(chunk).trim().split('\n')) this.lines.push(JSON.parse(line));
    done();
  }
}

async function logged(
  t: Parameters<typeof startServer>[0],
  level: string,
): Promise<Server & { log: Log; secret: string }> {
  const log = new Log();
  const { line, secret } = makeToken('me', '*', '*');
  const access = new Access(parseTokens(line));
  const server = await startServer(t, { app: { access, logger: { level, stream: log } } });
  await server.queues.create('q', { maxBytes: 1000, reserve: false });
  return { ...server, log, secret };
}

t.test('each request is one line with its id, without secrets and messages', async (t) => {
  const { app, send, log, secret } = await logged(t, 'debug');
  const headers = { authorization: `Bearer ${secret}`, 'x-request-id': 'from-the-proxy:1' };
  const path = '/queues/q/messages?from=0';
  t.equal((await send({ method: 'POST', path: '/queues/q/messages', headers, body: SECRET_MESSAGE })).status, 200);
  t.equal((await send({ path, headers: { ...headers, cookie: 'a=secret-cookie' } })).status, 200);
  t.equal((await send({ path: '/queues/none', headers: { ...headers, 'x-request-id': 'no id of ours' } })).status, 404);
  await app.close();
  const requests = log.lines.filter(({ msg }) => msg === 'request');
  t.match(requests, [
    { level: 20, reqId: 'from-the-proxy:1', method: 'POST', path: '/queues/q/messages', status: 200, ms: Number },
    { level: 20, reqId: 'from-the-proxy:1', method: 'GET', path: '/queues/q/messages', status: 200, ms: Number },
    { level: 20, reqId: /^[0-9a-f]{8}-\w+$/, method: 'GET', path: '/queues/none', status: 404, ms: Number },
  ]);
  t.equal(requests.length, 3);
  for (const word of [SECRET_MESSAGE, secret, secret.slice(8, 20), 'secret-cookie', 'from=0'])
    t.notOk(log.text.includes(word), `not in the log: ${word}`);
});

t.test('a refusal carries the id that its lines in the log have', async (t) => {
  const { app, queues, send, log, secret } = await logged(t, 'error');
  queues.get('q').read = () => {
    throw new TypeError('made up');
  };
  const headers = { authorization: `Bearer ${secret}` };
  const answer = await send({ path: '/queues/q/messages', headers });
  t.equal(answer.status, 500);
  await app.close();
  t.match(log.lines, [{ level: 50, reqId: answer.headers['x-request-id'], err: { type: 'TypeError' } }]);
  t.equal(log.lines.length, 1);
});

t.test('a tail whose connection goes as the server stops is no fault', async (t) => {
  const log = new Log();
  const { app, queues, url } = await startServer(t, { app: { logger: { level: 'warn', stream: log } } });
  await queues.create('q', { maxBytes: 1000, reserve: false });
  const upgraded = once(app.server, 'upgrade');
  await tailOverWebSocket(t, url, '/queues/q/tail');
  const [{ socket }] = (await upgraded) as [IncomingMessage];
  // Its end is told to the tail in a later turn only.
  socket.destroy();
  await app.close();
  t.strictSame(log.lines, []);
});

t.test('a line for a person', async (t) => {
  const time = new Date(2026, 0, 2, 3, 4, 5, 678).getTime();
  const line = { level: 40, time, pid: 1, hostname: 'h', queue: 'a\u001b[31m', ms: 5, msg: 'what happened' };
  t.equal(readableLine(JSON.stringify(line), false), '03:04:05 WARN  what happened queue="a\\u001b[31m" ms=5');
  const failed = { level: 50, time, err: { stack: 'Error: x\n    at y' }, msg: 'failed' };
  t.equal(readableLine(JSON.stringify(failed), false), '03:04:05 ERROR failed\n  Error: x\n      at y');
  t.not(readableLine(JSON.stringify(line), true), readableLine(JSON.stringify(line), false), 'in colors');
  for (const other of ['no log line', '{"level":40,"time"', '{"a":1}']) t.equal(readableLine(other, false), other);
});
