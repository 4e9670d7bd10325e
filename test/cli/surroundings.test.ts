import { type ChildProcess, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { connect, type RoteraClient } from '../../src/client/node.js';
import { ROTERA, type RunOptions, run, serve, start } from '../support/program.js';

const linuxOnly = { skip: process.platform !== 'linux' };

function clientOf(t: Test, url: string): RoteraClient {
  const client = connect({ url, retryMs: 20_000 });
  t.teardown(() => client.close());
  return client;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('There is no port.');
  return address.port;
}

/** Serves with a log that is lost, however. */
async function serveUnheard(t: Test, options: RunOptions, lose: (child: ChildProcess) => void): Promise<void> {
  const port = await freePort();
  const env = { ROTERA_LOG_LEVEL: 'debug', ...options.env };
  const child = start(['serve', '--port', String(port)], { cwd: t.testdir({ rots: {} }), ...options, env });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = once(child, 'exit');
  lose(child);
  const client = clientOf(t, `http://127.0.0.1:${port}`);
  await client.create('q', { reserve: false });
  for (let i = 0; i < 100; i++) await client.push('q', String(i));
  t.equal((await client.read('q', { from: 0, limit: 1000 })).messages.length, 100);
  child.kill('SIGTERM');
  t.strictSame(await ended, [0, null], 'and it ends as it should');
}

t.test('a log that cannot be written, since its disk is full, holds nobody up', linuxOnly, (t) =>
  serveUnheard(t, { outputTo: '/dev/full' }, () => undefined),
);

t.test('a log that nobody reads any more holds nobody up', (t) =>
  serveUnheard(t, {}, ({ stdout, stderr }) => {
    stdout?.destroy();
    stderr?.destroy();
  }),
);

t.test('with no file handle left it goes on, and makes queues again when there are some', linuxOnly, async (t) => {
  const server = await serve(t, [], { cwd: t.testdir({ rots: {} }), maxHandles: 64 });
  const client = clientOf(t, server.url);
  await client.create('q', { reserve: false });
  const { hostname, port } = new URL(server.url);
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  // Those that say nothing are cut after a while: others come.
  while (!server.said().includes('the directory cannot be looked at')) {
    for (let i = 0; i < 20; i++) sockets.push(connectSocket(Number(port), hostname).on('error', () => undefined));
    await sleep(100);
  }
  for (const socket of sockets) socket.destroy();
  await client.create('another', { reserve: false });
  await client.push('another', 'with some again');
  t.equal((await client.read('another', { from: 0 })).messages[0]?.text, 'with some again');
  t.equal(await server.stop(), 0);
});

t.test('a push that finds no room takes no other writes with it, and ends no tail', linuxOnly, async (t) => {
  const server = await serve(t, [], { cwd: t.testdir({ rots: {} }), maxFileKib: 8192 });
  const client = connect({ url: server.url, retryMs: 0 });
  await client.create('q', { maxBytes: 40_000_000, reserve: false });
  const large = Buffer.alloc(1_000_000, 'x');
  const codeOf = (write: Promise<unknown>): Promise<string> =>
    write.then(
      () => 'ok',
      ({ code }) => code,
    );
  while ((await codeOf(client.push('q', large))) === 'ok');
  await client.read('q', { cursor: 'c', limit: 1 });
  let isOver = false;
  const refused = [1, 2].map(async () => {
    let times = 0;
    for (; !isOver; times++) t.equal(await codeOf(client.push('q', large)), 'disk_full');
    return times;
  });
  const taken: string[] = [];
  for (let i = 0; i < 20; i++) {
    taken.push(await codeOf(client.push('q', `small ${i}`)), await codeOf(client.ack('q', 'c', i % 5)));
  }
  for await (const { messages, ack } of client.tail('q', { cursor: 'd', from: 'oldest' })) {
    ack();
    if (messages.some(({ text }) => text === 'small 19')) break;
  }
  isOver = true;
  t.strictSame(new Set(taken), new Set(['ok']));
  for (const times of await Promise.all(refused)) t.ok(times > 5, `${times} times`);
});

/** Address space that a process takes; KiB. */
const addressKib = (pid: number | undefined): number =>
  Number(/^VmSize:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

t.test('with no address space left it makes no more queues, and goes on with those it has', linuxOnly, async (t) => {
  const cwd = t.testdir({ rots: {} });
  const free = await serve(t, ['--dir', 'rots'], { cwd });
  const maxAddressKib = addressKib(free.child.pid) + 4 * 1024 ** 2;
  t.equal(await free.stop(), 0);
  const limited = await serve(t, ['--dir', 'rots'], { cwd, maxAddressKib });
  const client = connect({ url: limited.url, retryMs: 0 });
  const made: string[] = [];
  const fill = async (): Promise<void> => {
    while (made.length < 10) {
      const name = `q${made.length}`;
      await client.create(name, { reserve: false });
      made.push(name);
      await client.push(name, 'kept');
    }
  };
  await t.rejects(fill(), { code: 'overloaded', message: /No address space is left.*ulimit -v unlimited/ });
  t.not(made.length, 0);
  for (const name of made) await client.push(name, 'goes on');
  t.equal(await limited.stop('SIGKILL'), 'SIGKILL');

  const again = await serve(t, ['--dir', 'rots'], { cwd, maxAddressKib: maxAddressKib - 1024 ** 2 });
  const { queues } = await connect({ url: again.url, retryMs: 0 }).list();
  t.equal(queues.length, made.length + 1, 'it starts with more queues than it has room for');
  t.ok(queues.some(({ state }) => state === 'ok') && queues.some(({ state }) => state !== 'ok'), 'and serves some');
  t.equal(await again.stop(), 0);

  const unlimited = await serve(t, ['--dir', 'rots'], { cwd });
  const later = clientOf(t, unlimited.url);
  for (const name of made)
    t.strictSame(
      (await later.read(name, { from: 0 })).messages.map(({ text }) => text),
      ['kept', 'goes on'],
    );
});

/** Somebody who is not root: root may read and write everything. */
const SOMEBODY = 12_345;

t.test('files of another owner are told apart, and served once they are given over', linuxOnly, async (t) => {
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? { uid: SOMEBODY } : {};
  // Where others may go, too.
  const cwd = mkdtempSync(join(tmpdir(), 'rotera-owner-'));
  t.teardown(() => rmSync(cwd, { recursive: true }));
  const rots = join(cwd, 'rots');
  mkdirSync(rots);
  chmodSync(cwd, 0o755);
  if ((await run(['--version'], { cwd, ...user })).code !== 0) return t.comment('others cannot reach the program');

  const foreign = join(cwd, 'foreign');
  mkdirSync(foreign);
  chmodSync(foreign, 0o555);
  const refused = await run(['serve', '--port', '0', '--dir', foreign], { cwd, ...user });
  t.equal(refused.code, 78);
  t.match(refused.stderr, /^rotera: [^\n]*EACCES[^\n]*write access[^\n]*\n$/);

  for (const name of ['hidden', 'locked', 'mine', 'readable']) {
    t.equal((await run(['create', '-s', `${rots}/${name}.rot`, '--no-reserve'])).code, 0);
    if (isRoot) chownSync(`${rots}/${name}.rot`, SOMEBODY, SOMEBODY);
  }
  if (isRoot) chownSync(rots, SOMEBODY, SOMEBODY);
  const takeAway = (file: string, mode: number): void => {
    if (isRoot) chownSync(join(rots, file), 0, 0);
    chmodSync(join(rots, file), mode);
  };
  takeAway('hidden.rot', isRoot ? 0o600 : 0);
  takeAway('readable.rot', 0o444);
  writeFileSync(join(rots, 'locked.rot-lock'), '');
  takeAway('locked.rot-lock', 0o444);

  for (const [name, code] of [
    ['hidden', 66],
    ['readable', 0],
    ['locked', 0],
  ] as const) {
    const ran = await run(['read', '-s', `${rots}/${name}.rot`], { cwd, ...user });
    t.match([ran.code, ran.stderr], [code, code === 0 ? '' : /EACCES.*needs read and write access/], `${name}, read`);
  }
  const copied = await run(['snapshot', `${rots}/locked.rot`, `${rots}/copy.rot`], { cwd, ...user });
  t.not(copied.code, 0, 'a copy would not be sound');
  t.match(copied.stderr, /locked\.rot-lock cannot be written \(EACCES\)/);
  // Root looks at a file that has no lock file: what it makes beside it is its owner's.
  t.equal((await run(['read', '-s', `${rots}/mine.rot`], { cwd })).code, 0);
  const server = await serve(t, ['--dir', rots], { cwd, ...user });
  const client = clientOf(t, server.url);
  const { queues } = await client.list();
  t.match(queues, [
    { queue: 'hidden', state: 'unreadable', stateReason: /EACCES.*read and write access/ },
    { queue: 'locked', state: 'unreadable', stateReason: /locked\.rot-lock cannot be written/ },
    { queue: 'mine', state: 'ok' },
    { queue: 'readable', state: 'unreadable', stateReason: /readable\.rot cannot be written/ },
  ]);
  await client.push('mine', 'served');
  await t.rejects(client.push('hidden', 'not'), { code: 'queue_unreadable' });

  for (const file of ['hidden.rot', 'readable.rot', 'locked.rot-lock']) {
    if (isRoot) chownSync(join(rots, file), SOMEBODY, SOMEBODY);
    chmodSync(join(rots, file), 0o640);
  }
  while ((await client.list()).queues.some(({ state }) => state !== 'ok')) await sleep(100);
  for (const name of ['hidden', 'locked', 'readable']) await client.push(name, 'served');
  t.equal(await server.stop(), 0);
});

const canMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
const mountsOnly = { skip: !canMount && 'only root may mount' };

t.test('a directory that is mounted read-only cannot be served, but its files can be read', mountsOnly, async (t) => {
  const cwd = t.testdir({ mounted: {}, rots: {} });
  const server = await serve(t, ['--dir', 'rots'], { cwd });
  const client = clientOf(t, server.url);
  await client.create('q', { reserve: false, maxBytes: 100_000 });
  await client.push('q', ['one', 'two']);
  t.equal(await server.stop(), 0);
  const script = `
    mount -t tmpfs none mounted && cp rots/q.rot mounted && mount -o remount,ro mounted || exit 1
    "$@" read -s mounted/q.rot && "$@" stat -s mounted/q.rot > /dev/null && "$@" check mounted/q.rot > /dev/null || exit
    "$@" serve --dir mounted --port 0 || echo "ended with $?"`;
  const words = ['-m', 'sh', '-c', script, 'sh', process.execPath, ROTERA];
  const { status, signal, stdout, stderr } = spawnSync('unshare', words, { cwd, encoding: 'utf8', timeout: 60_000 });
  // A server that does not refuse it would run on until the time is over.
  t.equal(signal, null, 'it ends by itself');
  t.equal(status, 0, stderr);
  t.equal(stdout, 'one\ntwo\nended with 78\n');
  t.match(stderr, /^rotera: .*(cannot be written|read-only)/);
});

t.test(
  'a file that is cut short while it is served costs at most a restart, and no other queue',
  linuxOnly,
  async (t) => {
    const cwd = t.testdir({ rots: {} });
    const first = await serve(t, ['--dir', 'rots'], { cwd });
    const before = clientOf(t, first.url);
    for (const name of ['cut', 'sound']) {
      await before.create(name, { reserve: false });
      for (let i = 0; i < 20; i++) await before.push(name, 'x'.repeat(50_000));
    }
    const path = join(cwd, 'rots', 'cut.rot');
    truncateSync(path, Math.floor(statSync(path).size / 8192) * 4096);
    // The pages behind the end are gone: the system ends whoever looks at one (SIGBUS).
    await before.read('cut', { from: 0, limit: 100, retryMs: 0 }).catch(() => undefined);
    await first.stop('SIGKILL');
    const second = await serve(t, ['--dir', 'rots'], { cwd });
    const after = clientOf(t, second.url);
    await t.rejects(after.read('cut', { from: 0 }), { code: 'queue_unreadable' });
    t.equal((await after.read('sound', { from: 0, limit: 100 })).messages.length, 20);
    await after.push('sound', 'goes on');
  },
);

t.test(
  'a snapshot for which there is no room says so, leaves nothing behind, and lmdb says nothing',
  linuxOnly,
  async (t) => {
    const cwd = t.testdir({ rots: {} });
    const server = await serve(t, ['--dir', 'rots'], { cwd });
    const client = clientOf(t, server.url);
    await client.create('q', { maxBytes: 20_000_000, reserve: false });
    for (let i = 0; i < 8; i++) await client.push('q', Buffer.alloc(1_000_000, i));
    const { code, stderr } = await run(['snapshot', 'rots/q.rot', 'copy.rot'], { cwd, maxFileKib: 2000 });
    t.equal(code, 73);
    t.match(stderr, /^rotera: The disk has no room[^\n]*\n$/);
    t.strictSame(readdirSync(cwd), ['rots']);
    t.equal(await server.stop(), 0);
  },
);
