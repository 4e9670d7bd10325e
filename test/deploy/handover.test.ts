import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import t from 'tap';
import { makeToken } from '../../src/tokens.js';
import { Handover } from './handover.js';

const LIMITS = { maxBytes: 100_000, reserve: false };

/** A push on a connection of its own. Resolves to its status, or to what broke it. */
function push(url: string): Promise<number | string> {
  return new Promise((resolve) => {
    const asked = request(`${url}/queues/q/messages`, { method: 'POST', agent: false }, (answer) => {
      answer.resume().on('end', () => resolve(answer.statusCode as number));
    });
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(String(error.code))).end('message');
  });
}

t.test('a server serves the socket that it inherits, and says when it is ready, reloads and stops', async (t) => {
  const directory = t.testdir({ rots: {} });
  const config = join(directory, 'config.json');
  const declare = (...names: string[]): void => {
    const queues = Object.fromEntries(names.map((name) => [name, LIMITS]));
    // A port that nobody may listen on: with a socket at hand it does not matter.
    writeFileSync(config, JSON.stringify({ dir: join(directory, 'rots'), queues, port: 1 }));
  };
  declare('q');
  const service = await Handover.open(t, { words: ['--config', config] });
  await service.start();
  t.equal(await push(service.url), 200, 'the declared queue is there when it is ready');
  t.strictSame(service.said, ['READY=1', 'STATUS=Serving 1 queues']);
  declare('q', 'added');
  const reloaded = service.hears('STATUS=Serving 2 queues');
  service.signal('SIGHUP');
  await reloaded;
  t.match(service.said.splice(0), [
    'READY=1',
    'STATUS=Serving 1 queues',
    'RELOADING=1',
    /^MONOTONIC_USEC=\d+$/,
    'READY=1',
    'STATUS=Serving 2 queues',
  ]);
  t.equal((await fetch(`${service.url}/queues/added`)).status, 200);
  const stopping = service.hears('STOPPING=1');
  t.equal(await service.stop(), 0);
  await stopping;
  t.strictSame(service.said, ['STOPPING=1']);
});

t.test('a reload of a bad configuration changes nothing', async (t) => {
  const directory = t.testdir({ rots: {} });
  const config = join(directory, 'config.json');
  const good = { dir: join(directory, 'rots'), logLevel: 'error', queues: { q: LIMITS } };
  writeFileSync(config, JSON.stringify(good));
  const service = await Handover.open(t, { words: ['--config', config, '--log-level', 'error'] });
  await service.start();
  for (const bad of [{ prot: 1 }, { ...good, queues: { q: { maxBytes: 5 } } }]) {
    writeFileSync(config, JSON.stringify(bad));
    const reloaded = service.hears('READY=1');
    service.signal('SIGHUP');
    await reloaded;
    t.equal(await push(service.url), 200);
  }
  t.equal(await service.stop(), 0);
});

t.test('a reload takes new tokens, and leaves the old ones when the file is bad', async (t) => {
  const directory = t.testdir({ rots: {} });
  const tokens = join(directory, 'tokens');
  const [before, after] = [makeToken('before', '*', '*'), makeToken('after', '*', '*')];
  writeFileSync(tokens, before.line);
  const service = await Handover.open(t, { words: ['--dir', join(directory, 'rots'), '--tokens', tokens] });
  await service.start();
  const statuses = (): Promise<number[]> =>
    Promise.all(
      [before, after].map(async ({ secret }) => {
        const headers = { authorization: `Bearer ${secret}` };
        return (await fetch(`${service.url}/queues`, { headers })).status;
      }),
    );
  t.strictSame(await statuses(), [200, 401]);
  for (const text of [after.line, 'no token']) {
    writeFileSync(tokens, text);
    const reloaded = service.hears('READY=1');
    service.signal('SIGHUP');
    await reloaded;
    t.strictSame(await statuses(), [401, 200], text);
  }
  t.equal(await service.stop(), 0);
});

t.test('the event loop feeds the watchdog', async (t) => {
  const directory = t.testdir();
  const service = await Handover.open(t, { words: ['--dir', directory], env: { WATCHDOG_USEC: '20000' } });
  await service.start();
  await service.hears('WATCHDOG=1');
  await service.hears('WATCHDOG=1');
  t.equal(await service.stop(), 0);
});

t.test('two restarts under load refuse no connection and lose nothing', async (t) => {
  const directory = t.testdir();
  const service = await Handover.open(t, { words: ['--dir', directory] });
  await service.start();
  await fetch(`${service.url}/queues/q`, { method: 'PUT', body: JSON.stringify(LIMITS) });
  const outcomes: (number | string)[] = [];
  let restarting = true;
  const client = async (): Promise<void> => {
    while (restarting) outcomes.push(await push(service.url));
  };
  const clients = Array.from({ length: 4 }, client);
  for (let restart = 0; restart < 2; restart++) {
    const before = outcomes.length;
    while (outcomes.length < before + 20) await push(service.url);
    t.equal(await service.stop(), 0);
    // Nobody serves, and everybody waits.
    await service.start();
  }
  restarting = false;
  await Promise.all(clients);
  const failed = outcomes.filter((outcome) => outcome !== 200);
  t.strictSame(failed, []);
  const stat = (await (await fetch(`${service.url}/queues/q`)).json()) as { next: number };
  t.ok(stat.next >= outcomes.length, `${outcomes.length} pushes and more are kept`);
  t.equal(await service.stop(), 0);
});

t.test('more than one socket is a bad configuration', async (t) => {
  const directory = t.testdir();
  const service = await Handover.open(t, { words: ['--dir', directory], env: { LISTEN_FDNAMES: 'rotera:other' } });
  const ended = new Promise((resolve) => service.once('ended', resolve));
  service.supervisor.stdin?.write('start\n');
  t.equal(await ended, 78);
});

t.test('a socket that is open to other machines needs a host that says so', async (t) => {
  const directory = t.testdir();
  const start = async (...words: string[]): Promise<Handover> =>
    await Handover.open(t, { words: ['--dir', directory, ...words], host: '0.0.0.0' });
  const local = ['--socket', `${directory}/s`];
  for (const words of [[], local, ['--host', '0.0.0.0', ...local]]) {
    const refused = await start(...words);
    const ended = once(refused, 'ended', { signal: AbortSignal.timeout(30_000) });
    refused.supervisor.stdin?.write('start\n');
    t.strictSame(await ended, [78], `else everyone could do everything: ${words.join(' ')}`);
  }
  const accepted = await start('--host', '0.0.0.0', '--allow-anonymous');
  await accepted.start();
  t.equal((await fetch(`${accepted.url}/queues`)).status, 200);
  t.equal(await accepted.stop(), 0);
});
