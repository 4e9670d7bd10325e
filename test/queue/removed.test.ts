import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { QueuesChange } from '../../src/queue/queues.js';
import { Queues } from '../../src/queue/queues.js';
import { openQueues, pushTexts, readAll, SMALL } from '../support/queues.js';

t.test('a queue whose file was just removed is made anew', async (t) => {
  const directory = t.testdir();
  const changes: QueuesChange[] = [];
  const onChange = (change: QueuesChange): void => void changes.push(change);
  const queues = await Queues.open(directory, { now: Date.now, pollMs: 0, onChange });
  t.teardown(() => queues.close());
  const { queue: old } = await queues.create('q', SMALL);
  await pushTexts(old, 'old');
  rmSync(join(directory, 'q.rot'));
  // Other limits than it had: it is not there any more.
  const { queue, created } = await queues.create('q', { ...SMALL, maxMessages: 5 });
  t.equal(created, true);
  t.equal(existsSync(join(directory, 'q.rot')), true);
  t.equal(old.ended, 'removed');
  t.not(queue.epoch, old.epoch);
  await pushTexts(queue, 'new');
  await queues.rescan();
  t.equal(queues.get('q'), queue);
  t.strictSame(readAll(queue).texts, ['new']);
  t.strictSame(
    changes.map(({ type }) => type),
    ['opened', 'gone', 'opened'],
  );
});

t.test('a file that was moved away under a push and came back is opened again, with what was stored', async (t) => {
  const directory = t.testdir({ elsewhere: {} });
  const queues = await openQueues(t, directory);
  const { queue } = await queues.create('q', SMALL);
  await pushTexts(queue, 'before');
  const [file, away] = [join(directory, 'q.rot'), join(directory, 'elsewhere', 'q.rot')];
  const pushing = pushTexts(queue, 'under way');
  renameSync(file, away);
  await t.rejects(pushing, { code: 'queue_not_found', details: { outcome: 'unknown' } });
  const later = await pushTexts(queue, 'later').catch((error: unknown) => error);
  t.match(later, { code: 'queue_not_found', details: { outcome: undefined } }, 'which was never stored');
  renameSync(away, file);
  await queues.rescan();
  t.equal(queue.ended, 'recreated');
  const again = queues.get('q');
  t.equal(again.epoch, queue.epoch, 'the same file');
  await pushTexts(again, 'after');
  t.strictSame(readAll(again).texts, ['before', 'under way', 'after']);
});

t.test('a file that could not be opened and was just removed does not stand in the way', async (t) => {
  const directory = t.testdir({ 'q.rot': 'no rot file' });
  const queues = await openQueues(t, directory);
  t.throws(() => queues.get('q'), { code: 'queue_unreadable' });
  rmSync(join(directory, 'q.rot'));
  t.equal((await queues.create('q', SMALL)).created, true);
  t.strictSame(queues.unreadable, []);
  writeFileSync(join(directory, 'r.rot'), 'no rot file');
  await queues.rescan();
  await t.rejects(queues.create('r', SMALL), { code: 'queue_unreadable' }, 'one that is there does');
});

t.test(
  'pushes that wait when the queue is made anew are refused, and looks at the directory do not disturb',
  async (t) => {
    const directory = t.testdir();
    const queues = await openQueues(t, directory);
    for (let round = 0; round < 5; round++) {
      const { queue: old } = await queues.create('q', SMALL);
      const outcome = (text: string): Promise<string> =>
        pushTexts(old, text).then(
          () => 'stored',
          ({ code }) => code,
        );
      t.equal(await outcome('before'), 'stored');
      rmSync(join(directory, 'q.rot'));
      const waiting = Array.from({ length: 50 }, () => outcome('lost'));
      const looks = Array.from({ length: 3 }, () => queues.rescan());
      const creates = [1, 2, 3].map(() => queues.create('q', SMALL));
      const made = await Promise.all(creates);
      await Promise.all(looks);
      t.strictSame(new Set(await Promise.all(waiting)), new Set(['queue_not_found']));
      t.equal(made.filter(({ created }) => created).length, 1);
      t.equal(new Set(made.map(({ queue }) => queue)).size, 1);
      t.not(made[0]?.queue, old);
      await pushTexts(queues.get('q'), 'new');
      t.strictSame(readAll(queues.get('q')).texts, ['new']);
      rmSync(join(directory, 'q.rot'));
    }
  },
);
