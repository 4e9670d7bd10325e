import { spawnSync } from 'node:child_process';
import dns from 'node:dns';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type App, buildApp } from '../../src/server/app.js';
import { listen } from '../../src/server/listen.js';
import { openQueues } from '../support/queues.js';

const OPTIONS = { host: '127.0.0.1', port: 0, inherited: [] };

const queues = await openQueues(t, t.testdir({}));

async function makeApp(t: Test): Promise<App> {
  const app = await buildApp({ queues, loopback: false });
  t.teardown(() => app.close());
  return app;
}

t.test('on every address, without asking which these are: a service without AF_NETLINK may not', async (t) => {
  const forbidden = (): never => {
    throw new Error('uv_interface_addresses returned EAFNOSUPPORT');
  };
  t.intercept(os, 'networkInterfaces', { value: forbidden, configurable: true });
  for (const host of ['0.0.0.0', '127.0.0.1']) {
    const app = await makeApp(t);
    const address = await listen(app, { ...OPTIONS, host });
    t.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
    t.equal((await fetch(`${address}/healthz`)).status, 200);
    t.match(app.server.address(), { address: host }, 'what it says afterwards is true');
  }
});

t.test('on localhost, which may have two addresses: on one of them, with all that bounds the server', async (t) => {
  const names = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
  type Found = (error: null, address: unknown, family?: number) => void;
  const value = (name: string, ...rest: [Found] | [{ all?: boolean }, Found]): void => {
    const [options, found] = rest.length === 1 ? [{}, rest[0]] : rest;
    if (options.all === true) found(null, names);
    else found(null, name === 'localhost' ? '127.0.0.1' : name, 4);
  };
  t.intercept(dns, 'lookup', { value, configurable: true });
  const app = await makeApp(t);
  const address = await listen(app, { ...OPTIONS, host: 'localhost' });
  t.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
  t.equal((await fetch(`${address}/healthz`)).status, 200);
  await t.rejects(fetch(`${address.replace('0.0.1', '0.0.2')}/healthz`), { cause: { code: 'ECONNREFUSED' } });
});

t.test('where another listens, and where this machine is not', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => taken.close());
  await new Promise((resolve) => taken.once('listening', resolve));
  const { port } = taken.address() as { port: number };
  await t.rejects(listen(await makeApp(t), { ...OPTIONS, port }), { code: 'in_use' });
  // TEST-NET-1 (RFC 5737): nobody's.
  await t.rejects(listen(await makeApp(t), { ...OPTIONS, host: '192.0.2.1' }), { code: 'unreachable' });
});

t.test('on a Unix socket, also one that a killed server has left, but in place of nothing else', async (t) => {
  // A short path: that of a Unix socket has 107 bytes at most.
  const directory = mkdtempSync(join(os.tmpdir(), 'rotera-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 's');
  const program = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  t.equal(spawnSync(process.execPath, ['-e', program, path]).signal, 'SIGKILL');
  const first = await makeApp(t);
  t.equal(await listen(first, { ...OPTIONS, socket: path }), path);
  await t.rejects(listen(await makeApp(t), { ...OPTIONS, socket: path }), { code: 'in_use' });
  await first.close();
  writeFileSync(path, 'a file');
  await t.rejects(listen(await makeApp(t), { ...OPTIONS, socket: path }), { code: 'in_use' });
  t.equal(readFileSync(path, 'utf8'), 'a file');
});

t.test('a Unix socket whose path is too long is refused, not cut short', async (t) => {
  const socket = `/${'s'.repeat(107)}`;
  await t.rejects(listen(await makeApp(t), { ...OPTIONS, socket }), { code: 'bad_config', details: { value: socket } });
});
