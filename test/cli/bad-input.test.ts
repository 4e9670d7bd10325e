import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import { connect } from '../../src/client/node.js';
import { makeToken } from '../../src/tokens.js';
import { Heard, ROTERA, run, type Serving, serve, start } from '../support/program.js';

/** Real processes, of a server and of the command line. */
async function given(
  t: Test,
  options: { words?: string[]; maxFileKib?: number } = {},
): Promise<Serving & { cwd: string }> {
  const cwd = t.testdir({ rots: {} });
  const { words = [], ...limits } = options;
  const serving = await serve(t, words, { cwd, ...limits });
  return { ...serving, cwd };
}

/** What listens and is no rotera. */
async function listen(t: Test, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A shell's line, with ROTERA for the program. */
async function shell(line: string, url: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = line.replaceAll('ROTERA', `'${process.execPath}' '${ROTERA}'`);
  const child = spawn('sh', ['-c', command], { env: { PATH: process.env['PATH'], ROTERA_URL: url, NO_COLOR: '1' } });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text) => {
      said[name] += text;
    });
  const [code] = await once(child, 'close');
  return { code, ...said };
}

const COMMANDS = [['stat'], ['stat', 'q'], ['push', 'q'], ['read', 'q'], ['tail', 'q'], ['create', 'q']];

t.test('what is no rotera server is told from one that is away', async (t) => {
  const web = createHttpServer((_, response) => response.end('<h1>It works!</h1>'));
  const silent = createServer((socket) => socket.on('error', () => undefined).end('220 mail.example.org\r\n'));
  const website = `http://${await listen(t, web)}`;
  const mail = `http://${await listen(t, silent)}`;
  const { url } = await given(t);
  const places: ReadonlyArray<readonly [url: string, error: string]> = [
    ['http://127.0.0.1:1', 'unreachable'],
    [website, 'not_rotera'],
    [mail, 'not_rotera'],
  ];
  for (const [place, error] of places)
    for (const words of COMMANDS) {
      const ran = await run([...words, '--json', '--url', place], { input: 'line\n' });
      t.equal(ran.code, 69, `${words.join(' ')} at ${place}`);
      t.match(JSON.parse(ran.stderr), { error: words[0] === 'tail' && place === mail ? String : error });
    }
  const secure = await run(['stat', '--json', '--url', url.replace('http:', 'https:')]);
  t.equal(secure.code, 69);
  t.match(JSON.parse(secure.stderr), { error: 'not_rotera' });
});

t.test('no token, a wrong one, and one that is for something else', async (t) => {
  const reader = makeToken('reader', 'read', '*');
  const dir = t.testdir({ tokens: `${reader.line}\n`, rots: {} });
  const { url } = await serve(t, ['--dir', join(dir, 'rots'), '--tokens', join(dir, 'tokens')]);
  for (const [token, error] of [
    ['', 'unauthorized'],
    ['rot_guessed', 'unauthorized'],
    [reader.secret, 'forbidden'],
  ] as const) {
    const ran = await run(['push', 'q', '--json'], { env: { ROTERA_URL: url, ROTERA_TOKEN: token }, input: 'a\n' });
    t.equal(ran.code, 77, error);
    t.match(JSON.parse(ran.stderr), { error });
  }
});

t.test('output that cannot be written is told', { skip: process.platform !== 'linux' }, async (t) => {
  const { url } = await given(t);
  const client = connect({ url });
  await client.create('q', { reserve: false });
  await client.push('q', ['a', 'b']);
  for (const words of ['stat', 'read q', 'read q --json', 'tail q -n 2', 'tail q --cursor c', '--help']) {
    const { code, stderr } = await shell(`ROTERA ${words} > /dev/full`, url);
    t.equal(code, 1, words);
    t.match(stderr, /^rotera: .*ENOSPC/, words);
  }
  t.match((await client.stat('q')).cursors, { c: { position: 0 } }, 'what was not written is not acknowledged');
});

t.test('a reader that goes away, and an output that is closed, are no errors', async (t) => {
  const { url } = await given(t);
  const client = connect({ url });
  await client.create('q', { reserve: false });
  await client.push(
    'q',
    Array.from({ length: 50_000 }, (_, i) => String(i)),
  );
  for (const [line, stdout] of [
    ['ROTERA read q --limit 1M | head -n 1', '0\n'],
    ['ROTERA tail q --from oldest | head -n 2', '0\n1\n'],
    ['ROTERA --help | head -n 0', ''],
    ['ROTERA read q >&-', ''],
  ] as const)
    t.strictSame(await shell(line, url), { code: 0, stdout, stderr: '' }, line);
});

t.test('a directory as input', async (t) => {
  const { url } = await given(t);
  await connect({ url }).create('q', { reserve: false });
  for (const line of ['ROTERA push q --json < /', 'ROTERA push q --json /']) {
    const { code, stderr } = await shell(line, url);
    t.equal(code, 66, line);
    t.match(JSON.parse(stderr), { error: 'file_unreadable', acknowledged: 0 }, line);
  }
});

t.test('a line of 2 GB: what stands before it is safe, and counted; the rest is not read', async (t) => {
  const { url } = await given(t);
  const client = connect({ url });
  await client.create('q', { reserve: false });
  const push = start(['push', 'q', '--json'], { env: { ROTERA_URL: url } });
  const exited = once(push, 'close');
  let stderr = '';
  push.stderr?.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  push.stdin?.on('error', () => undefined).write('first\nsecond\n');
  const piece = Buffer.alloc(1024 * 1024, 'x');
  let written = 0;
  const writeOn = (): void => {
    while (written < 2048 && push.exitCode === null) {
      written++;
      if (push.stdin?.write(piece) !== true) return;
    }
    push.stdin?.end();
  };
  push.stdin?.on('drain', writeOn);
  writeOn();
  t.strictSame(await exited, [1, null]);
  t.match(JSON.parse(stderr), { error: 'message_too_large', acknowledged: 2, next: 2 });
  t.ok(written < 64, `${written} MiB were taken`);
  t.equal((await client.stat('q')).next, 2);
});

t.test('a full disk at the other end: what was acknowledged is there, and counted', async (t) => {
  const { url } = await given(t, { maxFileKib: 12_000 });
  const client = connect({ url });
  await client.create('q', { maxBytes: 64 * 1024 * 1024, reserve: false });
  const input = `${'x'.repeat(999)}\n`.repeat(40_000);
  const ran = await run(['push', 'q', '--json'], { env: { ROTERA_URL: url }, input });
  t.equal(ran.code, 73);
  const { error, acknowledged } = JSON.parse(ran.stderr);
  t.equal(error, 'disk_full');
  t.ok(acknowledged > 0 && acknowledged < 40_000, `${acknowledged}`);
  t.equal((await client.stat('q')).next, acknowledged);
});

t.test('Ctrl-C while the server is away: the first says how to give up, the second does', async (t) => {
  const { url, stop } = await given(t);
  const client = connect({ url });
  await client.create('q', { reserve: false });
  // The first push to a file that was just opened is answered a moment later than it can be read.
  await client.push('q', 'zero');
  const push = start(['push', 'q'], { env: { ROTERA_URL: url } });
  const heard = new Heard(push);
  const exited = once(push, 'close');
  push.stdin?.write('one\n');
  while ((await client.stat('q')).next < 2);
  await stop('SIGKILL');
  push.stdin?.write('two\n');
  for (const pattern of [/Trying again/, /Ctrl-C again/]) {
    while (!pattern.test(heard.stderr)) await once(heard, 'change');
    push.kill('SIGINT');
  }
  t.strictSame(await exited, [null, 'SIGINT']);
  t.match(heard.stderr, /pushed 1 message to q/);
});
