import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs, { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { Environment } from '../../src/queue/environment.js';
import { openQueues, pushTexts, readAll, SMALL } from '../support/queues.js';

const QUEUES = fileURLToPath(new URL('../../dist/src/queue/queues.js', import.meta.url));
const ENVIRONMENT = fileURLToPath(new URL('../../dist/src/queue/environment.js', import.meta.url));
const BATCH = fileURLToPath(new URL('../../dist/src/batch.js', import.meta.url));

/** Pushes once when it finds `go`, and says so with `ready`; pushes again when it finds `again`. */
const SERVER = `
  import { existsSync, writeFileSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { batchOf } from ${JSON.stringify(BATCH)};
  import { Queues } from ${JSON.stringify(QUEUES)};

  const found = async (name) => {
    while (!existsSync(name)) await sleep(1);
  };
  await found('go');
  const queues = await Queues.open('rots', { now: Date.now, pollMs: 0 });
  await queues.get('q').push(batchOf([Buffer.from('first')]));
  writeFileSync('ready', '');
  await found('again');
  await queues.get('q').push(batchOf([Buffer.from('second')]));
  await queues.close();`;

t.test('a program that opens a file in the same moment as its server takes no locks from it', async (t) => {
  const directory = t.testdir({ rots: {}, 'server.mjs': SERVER });
  const path = join(directory, 'rots', 'q.rot');
  const before = await openQueues(t, join(directory, 'rots'));
  await before.create('q', SMALL);
  await before.close();
  rmSync(`${path}-lock`);
  const server = spawn(process.execPath, ['server.mjs'], { cwd: directory, stdio: ['ignore', 'inherit', 'inherit'] });
  t.teardown(() => server.kill('SIGKILL'));
  const ended = once(server, 'exit');

  // Between the look for a lock file and the making of one, the server opens the file and pushes to it.
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const { existsSync } = fs;
  const restore = (): void => {
    fs.existsSync = existsSync;
    syncBuiltinESMExports();
  };
  t.teardown(restore);
  fs.existsSync = (name) => {
    if (name !== `${path}-lock`) return existsSync(name);
    restore();
    writeFileSync(join(directory, 'go'), '');
    while (!existsSync(join(directory, 'ready')) && server.exitCode === null) Atomics.wait(pause, 0, 0, 10);
    return false;
  };
  syncBuiltinESMExports();
  const reader = Environment.open(path, { readOnly: true });
  writeFileSync(join(directory, 'again'), '');
  t.strictSame(await ended, [0, null]);
  await reader.close();

  const queues = await openQueues(t, join(directory, 'rots'));
  t.strictSame(readAll(queues.get('q')).texts, ['first', 'second']);
});

/** Opens a file, and is killed as it gives its lock file the name. */
const KILLED = `
  import fs from 'node:fs';
  import { syncBuiltinESMExports } from 'node:module';
  fs.linkSync = () => process.kill(process.pid, 'SIGKILL');
  syncBuiltinESMExports();
  const { Environment } = await import(${JSON.stringify(ENVIRONMENT)});
  Environment.open('rots/q.rot', { readOnly: true });`;

t.test('what is left of a lock file by a program that was killed goes at the next start', async (t) => {
  const directory = t.testdir({ rots: {}, 'killed.mjs': KILLED });
  const rots = join(directory, 'rots');
  const before = await openQueues(t, rots);
  await before.create('q', SMALL);
  await before.close();
  rmSync(join(rots, 'q.rot-lock'));
  const { signal } = spawnSync(process.execPath, ['killed.mjs'], { cwd: directory, timeout: 60_000 });
  t.equal(signal, 'SIGKILL');
  const leftOf = (): string[] => readdirSync(rots).filter((name) => name.includes('.tmp-'));
  t.match(leftOf(), { length: 1 });
  t.notOk(existsSync(join(rots, 'q.rot-lock')));
  const after = await openQueues(t, rots);
  t.strictSame(leftOf(), []);
  t.match(await pushTexts(after.get('q'), 'served'), { first: 0 });
});

t.test('where there are no hard links, LMDB makes the lock file', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'q.rot');
  const before = await openQueues(t, directory);
  await pushTexts((await before.create('q', SMALL)).queue, 'one');
  await before.close();
  const { linkSync } = fs;
  const restore = (): void => {
    fs.linkSync = linkSync;
    syncBuiltinESMExports();
  };
  t.teardown(restore);
  for (const code of ['EPERM', 'EOPNOTSUPP', 'ENOSYS']) {
    rmSync(`${path}-lock`);
    fs.linkSync = () => {
      throw Object.assign(new Error(`${code}: link`), { code });
    };
    syncBuiltinESMExports();
    const after = await openQueues(t, directory);
    restore();
    t.ok(existsSync(`${path}-lock`), code);
    t.equal((await pushTexts(after.get('q'), code)).next, readAll(after.get('q')).texts.length);
    await after.close();
  }
  t.strictSame(
    readdirSync(directory).filter((name) => name.includes('.tmp-')),
    [],
  );
});

/** Lets one call of `fs` about a temporary file of queue `q` fail. */
function failOnce(t: Test, call: 'openSync' | 'rmSync', code: string): void {
  const real = fs[call] as (...words: unknown[]) => unknown;
  const restore = (): void => {
    Object.assign(fs, { [call]: real });
    syncBuiltinESMExports();
  };
  t.teardown(restore);
  const failing = (path: unknown, ...words: unknown[]): unknown => {
    if (!String(path).includes('.q.rot.tmp-')) return real(path, ...words);
    restore();
    throw Object.assign(new Error(`${code}: on purpose`), { code });
  };
  Object.assign(fs, { [call]: failing });
  syncBuiltinESMExports();
}

t.test('a queue whose lock file finds no room is opened as soon as it does', async (t) => {
  const queues = await openQueues(t, t.testdir());
  failOnce(t, 'openSync', 'ENOSPC');
  await t.rejects(queues.create('q', SMALL), { code: 'queue_unreadable' });
  await queues.rescan();
  t.equal((await pushTexts(queues.get('q'), 'first')).first, 0);
});

t.test('a temporary lock file that cannot be removed keeps no queue from being opened', async (t) => {
  const queues = await openQueues(t, t.testdir());
  failOnce(t, 'rmSync', 'EIO');
  const { queue } = await queues.create('q', SMALL);
  t.equal((await pushTexts(queue, 'first')).first, 0);
});
