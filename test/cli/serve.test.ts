import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../src/client/node.js';
import { runHere } from '../support/cli.js';
import { Heard, ROTERA_SERVER, run, serve, start } from '../support/program.js';

const LIMITS = { maxBytes: 100_000, reserve: false };

t.test('serve says where it listens, which directory and which queues', async (t) => {
  const cwd = t.testdir({ rots: { 'notes.txt': '', 'broken.rot': 'no rot file' } });
  const first = await serve(t, [], { cwd });
  t.match(first.said(), /^rotera listens on http:\/\/127\.0\.0\.1:\d+\n {2}directory {2}rots\n {2}queues {5}none yet/m);
  await connect({ url: first.url }).create('55', LIMITS);
  await connect({ url: first.url }).create('log', LIMITS);
  t.equal(await first.stop('SIGTERM'), 0);
  const again = await serve(t, ['--dir', 'rots', '--host', '127.0.0.1', '--port', '0'], { cwd });
  t.match(again.said(), /\n {2}queues {5}55 log\n/);
  t.equal((await connect({ url: again.url }).stat('55')).next, 0);
  t.equal(await again.stop('SIGINT'), 0);
  t.match(again.said(), /unreadable broken: /);
});

t.test('the words of the Haskell rotera: create a file, then serve what is in the current directory', async (t) => {
  const cwd = t.testdir();
  mkdirSync(join(cwd, 'rots'));
  t.match(await run(['--create', '-s', 'rots/55.rot'], { cwd }), { code: 0, stderr: '' });
  t.match(await run(['create', '-s', 'rots/56.rot', '--max-messages', '1k', '--no-reserve'], { cwd }), {
    code: 0,
    stderr: '',
  });
  t.strictSame(
    readdirSync(join(cwd, 'rots')).filter((file) => file.endsWith('.rot')),
    ['55.rot', '56.rot'],
  );
  const { url, said, stop } = await serve(t, [], { program: ROTERA_SERVER, cwd: join(cwd, 'rots') });
  t.match(said(), /\n {2}directory {2}\.\n {2}queues {5}55 56\n/);
  t.match(await connect({ url }).list(), {
    queues: [
      { queue: '55', maxMessages: 1_000_000, maxBytes: 64 * 1024 * 1024 },
      { queue: '56', maxMessages: 1000 },
    ],
  });
  t.equal(await stop(), 0);
  const above = await serve(t, [], { program: ROTERA_SERVER, cwd });
  t.match(above.said(), /\n {2}directory {2}rots\n {2}queues {5}55 56\n/, 'else what is in ./rots');
  t.equal(await above.stop(), 0);
});

t.test('the environment is read, and a flag beats it', async (t) => {
  const cwd = t.testdir({ a: {}, b: {} });
  const env = { ROTERA_DIR: 'a', ROTERA_PORT: '0', ROTERA_LOG_LEVEL: 'error' };
  const served = await serve(t, [], { cwd, env });
  t.match(served.said(), /directory {2}a\n/);
  const flagged = await serve(t, ['--dir', 'b'], { cwd, env });
  t.match(flagged.said(), /directory {2}b\n/);
});

t.test('a server that cannot start says why on standard error, and what to do', async (t) => {
  const dir = t.testdir({ file: '' });
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => taken.close());
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  const refused: ReadonlyArray<readonly [words: string[], code: number, says: RegExp]> = [
    [['--dir', dir, '--port', String(port)], 69, /^rotera: .*--port/],
    [['--dir', join(dir, 'missing'), '--port', '0'], 78, /^rotera: .*mkdir/],
    [['--dir', join(dir, 'file'), '--port', '0'], 78, /^rotera: .*not a directory/],
    [['--dir', dir, '--port', '0', '--host', 'not a host'], 78, /^rotera: .*not a host/],
    [['--dir', dir, '--port', '0', '--host', '192.0.2.1', '--allow-anonymous'], 69, /--host\.\n$/],
    [['--dir', dir, '--socket', 'file'], 69, /--socket\.\n$/],
  ];
  for (const [words, code, says] of refused) {
    const ran = await run(['serve', ...words], { cwd: dir });
    t.equal(ran.code, code, words.join(' '));
    t.match(ran.stderr, says);
    t.equal(ran.stdout.length, 0, 'nothing on standard output');
    t.notMatch(ran.stderr, /^ +at /m, 'no stack trace');
  }
});

t.test('on a Unix socket the greeting tells what makes a queue', async (t) => {
  // Relative: the path of a socket is short.
  const cwd = t.testdir({ rots: {}, others: {} });
  const child = start(['serve', '--socket', 's'], { cwd });
  t.teardown(() => child.kill('SIGKILL'));
  const heard = new Heard(child);
  while (!/queues .*\n/.test(heard.stdout)) await once(heard, 'change');
  const words = /make one: curl (.*)$/m.exec(heard.stdout)?.[1]?.split(' ') ?? [];
  t.strictSame(words, ['--unix-socket', 's', '-X', 'PUT', 'http://localhost/queues/NAME']);
  const second = await run(['serve', '--dir', 'others', '--socket', 's'], { cwd });
  t.match(second, { code: 69, stderr: /--socket\.\n$/ });
});

t.test('the greeting as JSON', async (t) => {
  const dir = t.testdir({ 'broken.rot': 'no rot file' });
  const child = start(['serve', '--json', '--dir', dir, '--port', '0']);
  t.teardown(() => child.kill('SIGKILL'));
  const heard = new Heard(child);
  while (!heard.stdout.includes('\n')) await once(heard, 'change');
  t.match(JSON.parse(heard.stdout), {
    address: /^http:/,
    directory: dir,
    queues: [],
    unreadable: [{ queue: 'broken', code: 'not_a_rot_file' }],
  });
});

t.test('an option that is not accepted is named', async (t) => {
  const refused: ReadonlyArray<readonly [words: string[], code: number, says: RegExp]> = [
    [['--port', '65536'], 78, /^rotera: --port\b.*65536/],
    [['--port', 'x'], 78, /^rotera: --port\b.*x/],
    [['--port', '0', '--log-level', 'loud'], 78, /^rotera: --log-level\b.*loud/],
    [['--colour'], 2, /--colour/],
  ];
  for (const [words, code, says] of refused) {
    const ran = await runHere(['serve', ...words]);
    t.equal(ran.code, code, words.join(' '));
    t.match(ran.stderr, says);
  }
});

t.test('a directory that may not be written is refused', async (t) => {
  // As root nothing is forbidden, but nobody may write into /proc.
  const isRoot = process.getuid?.() === 0;
  const cwd = t.testdir({ closed: {} });
  const dir = isRoot ? '/proc/self' : join(cwd, 'closed');
  if (!isRoot) {
    chmodSync(dir, 0o500);
    t.teardown(() => chmodSync(dir, 0o700));
    const served = await run(['serve', '--dir', dir, '--port', '0']);
    t.equal(served.code, 78);
  }
  const made = await run(['create', '-s', join(dir, '55.rot'), '--no-reserve']);
  t.equal(made.code, 78);
  t.match(made.stderr, /^rotera: .*cannot be written/);
});
