import { statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ensureQueues } from '../../src/config/declared-queues.js';
import { openQueues, SMALL } from '../support/queues.js';

t.test('declared queues are made once, with their limits', async (t) => {
  const queues = await openQueues(t, t.testdir());
  const declared = { 13: SMALL, jobs: { ...SMALL, maxMessages: 5 } };
  await ensureQueues(queues, declared);
  t.strictSame(
    queues.all.map(({ name, limits }) => [name, limits.maxMessages]),
    [
      ['13', 1_000_000],
      ['jobs', 5],
    ],
  );
  const epochs = queues.all.map(({ epoch }) => epoch);
  await ensureQueues(queues, { ...declared, added: SMALL });
  t.strictSame(
    queues.all.filter(({ name }) => name !== 'added').map(({ epoch }) => epoch),
    epochs,
    'those that were there are as they were',
  );
  t.equal(queues.all.length, 3);
});

t.test('a limit that differs from the file is an error that names both', async (t) => {
  const queues = await openQueues(t, t.testdir());
  await ensureQueues(queues, { jobs: { ...SMALL, maxMessages: 5 } });
  await t.rejects(ensureQueues(queues, { jobs: { maxMessages: 6 } }), {
    code: 'bad_config',
    details: { queue: 'jobs', field: 'maxMessages', existing: 5, value: 6 },
  });
  await t.rejects(ensureQueues(queues, { added: SMALL, jobs: { maxMessages: 6 } }), { code: 'bad_config' });
  t.equal(queues.find('added'), undefined, 'nothing is made then');
  await ensureQueues(queues, { jobs: { maxMessages: 5 } });
  await ensureQueues(queues, { jobs: {} });
});

t.test('a file that cannot be read is left alone, and the other queues are there', async (t) => {
  const directory = t.testdir({ 'broken.rot': 'no rot file' });
  const queues = await openQueues(t, directory);
  await ensureQueues(queues, { broken: SMALL, jobs: SMALL });
  t.strictSame(
    queues.all.map(({ name }) => name),
    ['jobs'],
  );
  t.strictSame(
    queues.unreadable.map(({ queue }) => queue),
    ['broken'],
  );
  t.equal(statSync(join(directory, 'broken.rot')).size, 'no rot file'.length);
});

t.test('a queue that cannot be made is an error', async (t) => {
  const queues = await openQueues(t, t.testdir());
  await t.rejects(ensureQueues(queues, { huge: { maxBytes: 2 ** 50 } }), { code: 'disk_full' });
});
