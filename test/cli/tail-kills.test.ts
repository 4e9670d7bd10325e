import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Mortal, numbers, pushNumbers, ROOM } from '../support/mortal.js';
import { Heard, ROTERA, start } from '../support/program.js';

/** Everything a process writes, when it has ended. */
async function outputOf(child: ChildProcess): Promise<string> {
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  return Buffer.concat(chunks).toString();
}

t.test('tail | head over three kills of the server: every line, once, in order', async (t) => {
  const there = await Mortal.start(t, join(t.testdir(), 'rots'));
  await there.client.create('q', ROOM);
  const COUNT = 100_000;
  const words = `'${process.execPath}' '${ROTERA}' tail -f q --cursor c --url ${there.url} | head -n ${COUNT}`;
  const pipe = spawn('sh', ['-c', words], { stdio: ['ignore', 'pipe', 'ignore'] });
  t.teardown(() => pipe.kill('SIGKILL'));
  const output = outputOf(pipe);
  // A server that is away before it was ever there is an error, not something to wait for.
  while ((await there.client.stat('q')).tails === 0);
  await pushNumbers(there.client, COUNT, 500, async (pushed) => {
    if (pushed % 30_000 === 20_000) await there.dieAndRevive();
  });
  // Lines that come when `head` has its own and is gone tell `tail` so; those that came before do not.
  for (; pipe.exitCode === null; await sleep(50)) await there.client.push('q', numbers(0, 10));
  t.equal(await output, numbers(0, COUNT).join('\n').concat('\n'));
});

t.test(
  'a tail that is killed itself: nothing is missing, and only what was not acknowledged comes again',
  async (t) => {
    const there = await Mortal.start(t, join(t.testdir(), 'rots'));
    await there.client.create('q', ROOM);
    await there.client.push('q', numbers(0, 5000));
    let wanted = 0;
    for (const upTo of [1000, 2500, 4000]) {
      const tail = start(['tail', 'q', '--cursor', 'c', '--window', '100', '--url', there.url]);
      const heard = new Heard(tail);
      // When all that it wrote is heard: it may have acknowledged that.
      const closed = once(tail, 'close');
      while (!heard.stdout.includes(`\n${upTo}\n`)) await once(heard, 'change');
      tail.kill('SIGKILL');
      await closed;
      const lines = heard.stdout.split('\n').slice(0, -1).map(Number);
      t.strictSame(lines, numbers(lines[0] as number, (lines[0] as number) + lines.length).map(Number), 'in order');
      t.ok((lines[0] as number) <= wanted && (lines[0] as number) >= wanted - 100, 'again: what was not acknowledged');
      wanted = (lines[0] as number) + lines.length;
      await there.dieAndRevive();
    }
    t.ok(wanted >= 4000);
  },
);
