import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import { Mortal, numbers, pushNumbers, ROOM } from '../support/mortal.js';
import { run, start } from '../support/program.js';

t.test('a mirror between two servers that are both killed five times: the same messages, once, in order', async (t) => {
  const dir = t.testdir();
  const source = await Mortal.start(t, join(dir, 'source'));
  const target = await Mortal.start(t, join(dir, 'target'));
  await source.client.create('q', ROOM);
  const words = ['mirror', '--create', `${source.url}/queues/q`, `${target.url}/queues/q`];
  let mirror = start(words);
  t.teardown(() => mirror.kill('SIGKILL'));
  const COUNT = 6500;
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
    if (pushed % 500 !== 0) return;
    const victim = kills[kill++];
    if (victim === 'mirror') {
      mirror.kill('SIGKILL');
      await once(mirror, 'exit');
      mirror = start(words);
    } else await victim?.dieAndRevive();
  });
  t.equal(kill, 13, 'all have been killed');
  for await (const { next } of target.client.tail('q', { from: 'oldest' })) if (next === COUNT) break;
  mirror.kill('SIGINT');
  t.strictSame(await once(mirror, 'exit'), [null, 'SIGINT']);
  const copied = await run(['read', 'q', '--limit', '1G', '--url', target.url]);
  t.equal(copied.stdout.toString(), numbers(0, COUNT).join('\n').concat('\n'));
});
