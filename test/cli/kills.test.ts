import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import t from 'tap';
import { connect, type RoteraClient } from '../../src/client/node.js';
import { type Gateway, openGateway } from '../support/gateway.js';
import { Heard, ROTERA, run, serve, start } from '../support/program.js';

/** A server process that is killed and started again behind an address that stays. */
class Mortal {
  #kill: () => Promise<unknown> = async () => undefined;

  private constructor(
    readonly t: Test,
    readonly dir: string,
    readonly gateway: Gateway,
  ) {}

  static async start(t: Test, dir: string): Promise<Mortal> {
    mkdirSync(dir);
    const mortal = new Mortal(t, dir, await openGateway(t));
    await mortal.revive();
    return mortal;
  }

  get url(): string {
    return this.gateway.url;
  }

  get client(): RoteraClient {
    return connect({ url: this.url });
  }

  async revive(): Promise<void> {
    const { url, stop } = await serve(this.t, ['--dir', this.dir]);
    this.gateway.leadTo(Number(new URL(url).port));
    this.#kill = () => stop('SIGKILL');
  }

  async dieAndRevive(): Promise<void> {
    await this.#kill();
    await this.revive();
  }
}

const LIMITS = { maxBytes: 32 * 1024 * 1024, reserve: false };
const numbers = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => String(from + i));

/** Pushes the numbers up to `count`, and meets `at` in between. */
async function pushNumbers(
  client: RoteraClient,
  count: number,
  step: number,
  between: (pushed: number) => Promise<void>,
) {
  for (let pushed = 0; pushed < count; pushed += step) {
    await client.push('q', numbers(pushed, pushed + step));
    await between(pushed + step);
  }
}

/** Everything a process writes, when it has ended. */
async function outputOf(child: ChildProcess): Promise<string> {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  return Buffer.concat(chunks).toString();
}

t.test('tail | head over three kills of the server: every line, once, in order', async (t) => {
  const there = await Mortal.start(t, join(t.testdir(), 'rots'));
  await there.client.create('q', LIMITS);
  const COUNT = 40_000;
  const words = `'${process.execPath}' '${ROTERA}' tail -f q --cursor c --url ${there.url} | head -n ${COUNT}`;
  const pipe = spawn('sh', ['-c', words], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.teardown(() => pipe.kill('SIGKILL'));
  const output = outputOf(pipe);
  // A server that is away before it was ever there is an error, not something to wait for.
  while ((await there.client.stat('q')).tails === 0);
  await pushNumbers(there.client, COUNT, 100, async (pushed) => {
    if (pushed % 10_000 === 5000 && pushed < 30_000) await there.dieAndRevive();
  });
  // `head` has its lines; the next ones tell `tail` that it is gone.
  await there.client.push('q', numbers(0, 10));
  t.equal(await output, numbers(0, COUNT).join('\n').concat('\n'));
});

t.test(
  'a tail that is killed itself: nothing is missing, and only what was not acknowledged comes again',
  async (t) => {
    const there = await Mortal.start(t, join(t.testdir(), 'rots'));
    await there.client.create('q', LIMITS);
    await there.client.push('q', numbers(0, 5000));
    let wanted = 0;
    for (const upTo of [1000, 2500, 4000]) {
      const tail = start(['tail', 'q', '--cursor', 'c', '--window', '100', '--url', there.url]);
      const heard = new Heard(tail);
      const exited = once(tail, 'exit');
      await heard.said(numbers(wanted, upTo).join('\n').length);
      tail.kill('SIGKILL');
      await exited;
      const lines = heard.stdout.split('\n').slice(0, -1).map(Number);
      t.strictSame(lines, numbers(lines[0] as number, (lines[0] as number) + lines.length).map(Number), 'in order');
      t.ok((lines[0] as number) <= wanted && (lines[0] as number) >= wanted - 100, 'again: what was not acknowledged');
      wanted = (lines[0] as number) + lines.length;
      await there.dieAndRevive();
    }
    t.ok(wanted >= 4000);
  },
);

t.test('a mirror between two servers that are both killed five times: the same messages, once, in order', async (t) => {
  const dir = t.testdir();
  const source = await Mortal.start(t, join(dir, 'source'));
  const target = await Mortal.start(t, join(dir, 'target'));
  await source.client.create('q', LIMITS);
  const words = ['mirror', '--create', `${source.url}/queues/q`, `${target.url}/queues/q`];
  let mirror = start(words);
  t.teardown(() => mirror.kill('SIGKILL'));
  const COUNT = 20_000;
  const kills = [
    source,
    target,
    'mirror',
    target,
    source,
    source,
    target,
    'mirror',
    target,
    source,
    target,
    source,
  ] as const;
  let kill = 0;
  await pushNumbers(source.client, COUNT, 100, async (pushed) => {
    if (pushed % 1500 !== 0) return;
    const victim = kills[kill++];
    if (victim === 'mirror') {
      mirror.kill('SIGKILL');
      await once(mirror, 'exit');
      mirror = start(words);
    } else await victim?.dieAndRevive();
  });
  t.equal(kill, 13, 'all have been killed');
  await target.client.read('q', { from: COUNT - 1, wait: 60, retryMs: 60_000 }).catch(() => undefined);
  while ((await target.client.stat('q')).next < COUNT);
  mirror.kill('SIGINT');
  t.strictSame(await once(mirror, 'exit'), [130, null]);
  const copied = await run(['read', 'q', '--limit', '1G', '--url', target.url]);
  t.equal(copied.stdout.toString(), numbers(0, COUNT).join('\n').concat('\n'));
});
