import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { type ClientRequest, request } from 'node:http';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { connect } from '../../src/client/node.js';
import { makeToken } from '../../src/tokens.js';
import { certificate, withoutOpenssl } from '../support/certificate.js';
import { Heard, type Serving, serve, start } from '../support/program.js';
import { SMALL } from '../support/queues.js';
import { type Tail, tailOverEvents } from '../support/tails.js';

const LIMITS = { maxBytes: 100_000, reserve: false };

/** Resolves when a reload is over. */
async function reload({ child, said }: Serving, outcome: string): Promise<void> {
  const before = said().length;
  child.kill('SIGHUP');
  while (!said().slice(before).includes(outcome)) await once(child.stderr as NodeJS.ReadableStream, 'data');
}

/** The certificate that a new connection is shown. */
async function shownBy(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket: TLSSocket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

t.test('SIGHUP: tokens and certificates are read again', { skip: withoutOpenssl }, async (t) => {
  const directory = t.testdir({ rots: {} });
  const tokens = join(directory, 'tokens');
  const [before, after] = [makeToken('before', '*', '*'), makeToken('after', '*', '*')];
  writeFileSync(tokens, before.line);
  certificate(directory);
  const files = [
    '--tokens',
    tokens,
    '--tls-cert',
    join(directory, 'cert.pem'),
    '--tls-key',
    join(directory, 'key.pem'),
  ];
  const server = await serve(t, ['--dir', join(directory, 'rots'), '--log-level', 'info', ...files]);
  const may = async ({ secret }: { secret: string }): Promise<string> => {
    const client = connect({ url: server.url, token: secret, insecure: true, retryMs: 0 });
    const answer = await client.list().then(
      () => 'ok',
      (error) => String(error.code),
    );
    await client.close();
    return answer;
  };
  t.strictSame([await may(before), await may(after)], ['ok', 'unauthorized']);
  const shown = await shownBy(server.url);

  writeFileSync(tokens, after.line);
  certificate(directory);
  await reload(server, 'the configuration was read again');
  t.strictSame([await may(before), await may(after)], ['unauthorized', 'ok']);
  t.not(await shownBy(server.url), shown, 'another certificate');

  writeFileSync(tokens, 'no token');
  await reload(server, 'is not put into effect');
  t.strictSame([await may(before), await may(after)], ['unauthorized', 'ok'], 'a bad file changes nothing');
});

t.test('a reload that takes long does not undo a later one', async (t) => {
  const directory = t.testdir({ rots: {}, 'config.json': '{}', tokens: '' });
  const [tokens, config, rots] = [join(directory, 'tokens'), join(directory, 'config.json'), join(directory, 'rots')];
  const [first, second, third] = [
    makeToken('first', '*', '*'),
    makeToken('second', '*', '*'),
    makeToken('third', '*', '*'),
  ];
  writeFileSync(tokens, first.line);
  const server = await serve(t, ['--dir', rots, '--config', config, '--tokens', tokens, '--log-level', 'info']);
  const statusFor = async ({ secret }: { secret: string }): Promise<number> =>
    (await fetch(`${server.url}/queues`, { headers: { authorization: `Bearer ${secret}` } })).status;
  const reloads = (): number => server.said().split('the configuration was read again').length - 1;

  // It is under way when the first of its many queues is there.
  const names = Array.from({ length: 50 }, (_, i) => `q${i}`);
  writeFileSync(config, JSON.stringify({ queues: Object.fromEntries(names.map((name) => [name, SMALL])) }));
  writeFileSync(tokens, second.line);
  server.child.kill('SIGHUP');
  while (!existsSync(join(rots, 'q0.rot'))) await new Promise(setImmediate);
  writeFileSync(config, '{}');
  writeFileSync(tokens, third.line);
  server.child.kill('SIGHUP');
  while (reloads() < 2) await once(server.child.stderr as NodeJS.ReadableStream, 'data');
  t.strictSame(await Promise.all([first, second, third].map(statusFor)), [401, 401, 200]);
});

/** A server with a client in the middle of a push, which it waits for when it stops, and a tail that is told of the stop. */
async function busy(t: Test): Promise<{ server: Serving; tail: Tail; push: ClientRequest }> {
  const server = await serve(t, ['--dir', t.testdir()]);
  await connect({ url: server.url }).create('q', LIMITS);
  const tail = await tailOverEvents(t, server.url, '/queues/q/tail');
  const headers = { 'content-length': 5, expect: '100-continue' };
  const push = request(`${server.url}/queues/q/messages`, { method: 'POST', headers });
  push.on('error', () => undefined).flushHeaders();
  await once(push, 'continue');
  return { server, tail, push };
}

t.test('SIGTERM: what is under way is finished, then the process ends with 0', async (t) => {
  const { server, tail, push } = await busy(t);
  const stopped = server.stop('SIGTERM');
  await tail.until(({ frames }) => frames.at(-1)?.type === 'draining');
  push.end('hello');
  const [answer] = await once(push, 'response');
  t.equal(answer.statusCode, 200);
  answer.resume();
  t.equal(await stopped, 0);
});

t.test('a client that never ends its push holds up the stop for a few seconds only', async (t) => {
  const { server, push } = await busy(t);
  const cut = new Promise((resolve) => push.once('close', resolve));
  t.equal(await server.stop('SIGTERM'), 0);
  await cut;
});

t.test('a second signal ends the process at once', async (t) => {
  const { server, tail } = await busy(t);
  const stopped = server.stop('SIGTERM');
  await tail.until(({ frames }) => frames.at(-1)?.type === 'draining');
  t.equal(server.child.exitCode, null, 'it waits for the push');
  t.equal(await server.stop('SIGTERM'), 130);
  t.equal(await stopped, 130);
});

/** Holds up one sync, the n-th from the start, until half a second behind a signal. */
const slowSync = (nth: number, signal: NodeJS.Signals): string => `
  import { open } from 'node:fs/promises';
  const file = await open('/dev/null');
  const handle = Object.getPrototypeOf(file);
  await file.close();
  const { sync } = handle;
  let left = ${nth};
  handle.sync = async function () {
    if (--left === 0) {
      const alive = setInterval(() => undefined, 1000);
      process.stderr.write('held up');
      await new Promise((resolve) => process.once('${signal}', () => setTimeout(resolve, 500)));
      clearInterval(alive);
    }
    return sync.call(this);
  };`;

/** A server of two declared queues that is held up while it starts. */
async function heldUp(t: Test, nth: number, signal: NodeJS.Signals) {
  const directory = t.testdir({
    rots: {},
    'config.json': JSON.stringify({ queues: { first: SMALL, second: SMALL } }),
    'slow-sync.mjs': slowSync(nth, signal),
  });
  const words = ['--dir', join(directory, 'rots'), '--config', join(directory, 'config.json')];
  const env = { ROTERA_PORT: '0', NODE_OPTIONS: `--import=${join(directory, 'slow-sync.mjs')}` };
  const child = start(['serve', ...words, '--log-level', 'info'], { env });
  t.teardown(() => child.kill('SIGKILL'));
  const heard = new Heard(child);
  while (!heard.stderr.includes('held up')) await once(heard, 'change');
  child.kill(signal);
  return { directory, child, heard };
}

for (const [during, nth] of [
  ['before the port is open', 1],
  ['while declared queues are made', 2],
] as const) {
  t.test(`SIGTERM ${during}: nothing more is begun, and the process ends with 0`, async (t) => {
    const { directory, child, heard } = await heldUp(t, nth, 'SIGTERM');
    t.strictSame(await once(child, 'exit'), [0, null]);
    t.equal(heard.stdout, '', 'it is not said to listen');
    t.notMatch(heard.stderr, nth === 1 ? /listening|ready/ : /ready/);
    t.equal(existsSync(join(directory, 'rots', 'second.rot')), false, 'no further queue is made');
  });
}

t.test('SIGHUP before the port is open: the reload waits until the server has started', async (t) => {
  const { heard } = await heldUp(t, 1, 'SIGHUP');
  while (!heard.stderr.includes('the configuration was read again')) await once(heard, 'change');
  t.match(heard.stderr, /the server is ready.*the configuration was read again/s);
});
