import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import t from 'tap';
import { lockDirectory } from '../../src/queue/directory-lock.js';
import { Queues } from '../../src/queue/queues.js';
import { ROTERA_SERVER, run, serve } from '../support/program.js';

const inUse = { code: 'in_use' };

/** Names that lead to the directory. */
function pathsTo(directory: string): { path: string; kind: string }[] {
  const link = `${directory}-link`;
  symlinkSync(directory, link);
  return [
    { kind: 'its own path', path: directory },
    { kind: 'a relative path', path: relative('.', directory) },
    { kind: 'a symbolic link', path: link },
  ];
}

/** Runs a command in namespaces of its own, as root of them. */
const isolated = (script: string, ...args: string[]) =>
  spawnSync('unshare', ['--user', '--map-root-user', '--mount', '--net', 'sh', '-c', script, '-', ...args]);
const canIsolate = isolated('mount --bind . /mnt').status === 0;

t.test('a directory is locked once, by whatever path, and is free after release', async (t) => {
  const directory = join(t.testdir({ rots: {} }), 'rots');
  const lock = lockDirectory(directory);
  t.teardown(() => lock.release());
  for (const { kind, path } of pathsTo(directory)) t.throws(() => lockDirectory(path), inUse, kind);
  lock.release();
  lock.release();
  lockDirectory(directory).release();
});

t.test('a bind mount and another network lead to the same lock', { skip: !canIsolate }, async (t) => {
  const root = t.testdir({ rots: {}, mounted: {} });
  const second = 'mount --bind "$1/rots" "$1/mounted" && exec "$2" "$3" --port 0 --dir "$1/mounted"';
  const lock = lockDirectory(join(root, 'rots'));
  t.teardown(() => lock.release());
  t.equal(isolated(second, root, process.execPath, ROTERA_SERVER).status, 69);
});

t.test('another directory with the same name is another', async (t) => {
  const root = t.testdir({ rots: {} });
  const lock = lockDirectory(join(root, 'rots'));
  t.teardown(() => lock.release());
  renameSync(join(root, 'rots'), join(root, 'moved'));
  t.throws(() => lockDirectory(join(root, 'moved')), inUse, 'the lock moved with the directory');
  mkdirSync(join(root, 'rots'));
  lockDirectory(join(root, 'rots')).release();
});

t.test('what cannot be locked is said', async (t) => {
  const root = t.testdir({ file: '' });
  const unusable = { code: 'directory_unusable' };
  t.throws(() => lockDirectory(join(root, 'missing')), unusable);
  t.throws(() => lockDirectory(join(root, 'file')), unusable);
  const { PATH } = process.env;
  t.teardown(() => Object.assign(process.env, { PATH }));
  process.env['PATH'] = root;
  t.throws(() => lockDirectory(root), unusable, 'no flock is installed');
});

t.test(
  'a second server is refused 100 times of 100, whatever is deleted, and the directory is free after kill -9',
  async (t) => {
    const directory = join(t.testdir({ rots: {} }), 'rots');
    const first = await serve(t, ['--dir', directory]);
    await fetch(`${first.url}/queues/q`, { method: 'PUT', body: '{"maxBytes":1000}' });
    rmSync(join(directory, 'q.rot-lock'));
    writeFileSync(join(directory, 'unrelated'), '');
    const paths = pathsTo(directory);
    let refused = 0;
    for (let attempt = 0; attempt < 96; attempt++) {
      const { path } = paths[attempt % paths.length] as { path: string };
      await t.rejects(Queues.open(path, { now: Date.now }), inUse);
      refused++;
    }
    for (const { path } of [...paths, paths[0] as { path: string }]) {
      t.match(await run(['serve', '--port', '0', '--dir', path]), { code: 69 }, 'a server of its own');
      refused++;
    }
    t.equal(refused, 100);
    t.equal((await fetch(`${first.url}/queues/q`)).status, 200, 'the first goes on');
    t.equal(await first.stop('SIGKILL'), 'SIGKILL');
    await (await Queues.open(directory, { now: Date.now })).close();
  },
);

t.test('the check finds a lock that holds nobody off', async (t) => {
  const root = t.testdir({ rots: {}, flock: '#!/bin/sh\nexit 0\n' });
  chmodSync(join(root, 'flock'), 0o755);
  const { PATH } = process.env;
  t.teardown(() => Object.assign(process.env, { PATH }));
  process.env['PATH'] = `${root}:${PATH}`;
  for (const { path, kind } of [{ path: join(root, 'rots'), kind: 'the first' }, ...pathsTo(join(root, 'rots'))]) {
    const queues = await Queues.open(path, { now: Date.now });
    t.teardown(() => queues.close());
    t.pass(kind);
  }
});
