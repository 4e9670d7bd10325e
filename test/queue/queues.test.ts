import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { batchOf } from '../../src/batch.js';
import { RoteraError } from '../../src/errors.js';
import { Environment } from '../../src/queue/environment.js';
import { DEFAULT_LIMITS } from '../../src/queue/limits.js';
import { Queues } from '../../src/queue/queues.js';
import { bytes, MIB, openQueues, pushTexts, readAll, readFrom, SMALL, texts } from '../support/queues.js';

t.test('a queue is as it was after it is opened again', async (t) => {
  const directory = t.testdir();
  let now = 1_700_000_000_000;
  const first = await openQueues(t, directory, () => now);
  const { queue } = await first.create('q', { ...SMALL, maxMessages: 5 });
  for (let i = 0; i < 12; i++) {
    now += 1000;
    await pushTexts(queue, `message ${i}`);
  }
  const before = { stat: queue.stat(), ...readAll(queue) };
  await first.close();
  const again = (await openQueues(t, directory)).get('q');
  const { file: _before, ...statBefore } = before.stat;
  const { file: _after, ...statAfter } = again.stat();
  t.strictSame(statAfter, statBefore);
  t.strictSame(readAll(again), { texts: before.texts, gaps: before.gaps });
  t.strictSame(texts(readFrom(again, 10)), ['message 10', 'message 11']);
  t.match(await pushTexts(again, 'message 12'), { first: 12, next: 13, epoch: queue.epoch });
  t.match(readFrom(again, 'oldest'), { first: 8, next: 13 });
});

t.test('an open that fails gives the directory back', async (t) => {
  const directory = t.testdir({ 'foreign.rot': 'no rot file' });
  const onChange = (): never => {
    throw new Error('told in vain');
  };
  await t.rejects(Queues.open(directory, { now: Date.now, onChange }), { message: 'told in vain' });
  const queues = await Queues.open(directory, { now: Date.now });
  t.match(queues.unreadable, [{ queue: 'foreign' }]);
  await queues.close();
});

t.test('a file that gets another name is served under it, also when it is asked for at once', async (t) => {
  const directory = t.testdir();
  const queues = await openQueues(t, directory);
  const { queue, created } = await queues.create('a', SMALL);
  t.ok(created);
  await pushTexts(queue, 'one', 'two');
  renameSync(join(directory, 'a.rot'), join(directory, 'b.rot'));
  await t.rejects(queues.create('b', SMALL), { code: 'queue_unreadable' }, 'open under its old name');
  await queues.rescan();
  t.strictSame(readAll(queues.get('b')).texts, ['one', 'two']);
  t.match(queues, { unreadable: [], all: [{ name: 'b' }] });
  t.match(await pushTexts(queues.get('b'), 'three'), { first: 2 });
});

t.test('pushes that wait when it is closed are finished', async (t) => {
  const directory = t.testdir();
  const queues = await openQueues(t, directory);
  const { queue } = await queues.create('q', SMALL);
  const pushes = Array.from({ length: 100 }, (_, i) => pushTexts(queue, `message ${i}`));
  await queues.close();
  t.equal((await Promise.all(pushes)).at(-1)?.next, 100);
  t.equal((await openQueues(t, directory)).get('q').next, 100);
});

t.test('a create with the same limits finds the queue, one with others is refused', async (t) => {
  const queues = await openQueues(t, t.testdir());
  const made = await queues.create('q', { ...SMALL, maxMessages: 10 });
  t.equal(made.created, true);
  for (const same of [{}, { maxMessages: 10 }, { ...SMALL, maxAgeSeconds: null, maxMessageBytes: 1024 * 1024 }]) {
    const found = await queues.create('q', same);
    t.equal(found.created, false);
    t.equal(found.queue, made.queue);
  }
  for (const other of [
    { maxMessages: 11 },
    { maxBytes: 5 },
    { reserve: true },
    { maxAgeSeconds: 1 },
    { maxMessageBytes: 1 },
  ]) {
    const [[field, value]] = Object.entries(other) as [[string, unknown]];
    await t.rejects(queues.create('q', other), { code: 'config_mismatch', details: { field, value } });
  }
});

t.test('a queue made without limits has the defaults', async (t) => {
  const queues = await openQueues(t, t.testdir());
  const { queue } = await queues.create('q', { reserve: false });
  t.match(queue.stat(), { ...DEFAULT_LIMITS, reserve: false, oldest: 0, next: 0, count: 0, bytes: 0, state: 'ok' });
});

t.test('creates of one name at the same time make it once', async (t) => {
  const queues = await openQueues(t, t.testdir());
  const results = await Promise.all([1, 2, 3].map(() => queues.create('q', SMALL)));
  t.strictSame(
    results.map(({ created }) => created),
    [true, false, false],
  );
  t.equal(new Set(results.map(({ queue }) => queue)).size, 1);
});

t.test('names are checked, and a made-up one cannot leave the directory', async (t) => {
  const queues = await openQueues(t, t.testdir());
  for (const name of ['', '.', '..', '.hidden', '../up', 'a/b', 'a b', 'ü', '-a', '_a', 'a\0b', 'x'.repeat(129)]) {
    await t.rejects(queues.create(name, SMALL), { code: 'bad_name' }, JSON.stringify(name));
    t.throws(() => queues.get(name), { code: 'bad_name' }, JSON.stringify(name));
  }
  for (const name of ['55', 'a', 'A.b_c-d', 'x'.repeat(128)]) t.equal((await queues.create(name, SMALL)).created, true);
  t.throws(() => queues.get('none'), { code: 'queue_not_found' });
  t.strictSame(
    queues.all.map(({ name }) => name),
    ['55', 'A.b_c-d', 'a', 'x'.repeat(128)],
  );
});

t.test('a file that is no rot file is listed with its reason, left alone, and the others are served', async (t) => {
  const directory = t.testdir();
  const path = (name: string): string => join(directory, name);
  const first = await openQueues(t, directory);
  const { queue } = await first.create('good', SMALL);
  await pushTexts(queue, 'a');
  await first.close();
  const foreign: Record<string, Buffer> = {
    empty: Buffer.alloc(0),
    text: Buffer.from('hello world\n'),
    zeros: Buffer.alloc(100_000),
    random: bytes(100_000, 1),
    short: readFileSync(path('good.rot')).subarray(0, 5000),
    cut: readFileSync(path('good.rot')).subarray(0, 10_000),
  };
  for (const [name, content] of Object.entries(foreign)) writeFileSync(path(`${name}.rot`), content);
  mkdirSync(path('directory.rot'));
  writeFileSync(path('notes.txt'), 'not of ours');
  writeFileSync(path('.hidden.rot'), 'not of ours');
  const queues = await openQueues(t, directory);
  t.strictSame(
    queues.all.map(({ name }) => name),
    ['good'],
  );
  t.strictSame(queues.unreadable.map(({ queue }) => queue).sort(), ['directory', ...Object.keys(foreign)].sort());
  for (const { reason } of queues.unreadable) t.match(reason, { code: /^(not_a_rot_file|queue_unreadable)$/ });
  for (const [name, content] of Object.entries(foreign)) {
    t.throws(() => queues.get(name), { code: 'queue_unreadable' }, name);
    await t.rejects(queues.create(name, SMALL), { code: 'queue_unreadable' }, name);
    t.ok(readFileSync(path(`${name}.rot`)).equals(content), `${name} is as it was`);
  }
  t.strictSame(texts(readFrom(queues.get('good'), 0)), ['a']);
});

t.test('a rot file can be copied, moved and cut short: it opens, or it says why not', async (t) => {
  const directory = t.testdir({ from: {}, to: {} });
  const from = join(directory, 'from');
  const to = join(directory, 'to');
  const first = await openQueues(t, from);
  const { queue } = await first.create('q', { ...SMALL, maxBytes: 100_000 });
  for (let i = 0; i < 20; i++) await pushTexts(queue, `message ${i}`);
  await first.close();
  const whole = readFileSync(join(from, 'q.rot')).length;
  copyFileSync(join(from, 'q.rot'), join(to, 'moved.rot'));
  for (const [i, length] of [0, 1, 4096, 8191, 8192, 12_288, 16_384].entries()) {
    copyFileSync(join(from, 'q.rot'), join(to, `cut-${i}.rot`));
    truncateSync(join(to, `cut-${i}.rot`), Math.min(length, whole - 1));
  }
  const queues = await openQueues(t, to);
  t.equal(readAll(queues.get('moved')).texts.length, 20);
  t.strictSame(
    queues.unreadable.map(({ queue }) => queue).sort(),
    [0, 1, 2, 3, 4, 5, 6].map((i) => `cut-${i}`),
  );
});

t.test('a directory that cannot be used is refused, with what to do', async (t) => {
  const directory = t.testdir({ file: 'not a directory' });
  for (const path of [join(directory, 'missing'), join(directory, 'file')]) {
    await t.rejects(openQueues(t, path), { code: 'directory_unusable' }, path);
  }
});

t.test('a queue may be larger than the disk and the address space, without its room', async (t) => {
  const queues = await openQueues(t, t.testdir());
  const { queue } = await queues.create('huge', { maxBytes: 2 ** 50, reserve: false });
  await pushTexts(queue, 'a');
  t.strictSame(texts(readFrom(queue, 0)), ['a']);
});

t.test('what a killed create has left is removed at the next start, but not what is being made', async (t) => {
  const ended = spawnSync(process.execPath, ['-e', '']).pid;
  const names = [ended, process.pid, process.ppid].map((pid) => `.q.rot.tmp-${pid}-0123456789ab`);
  const [, , made] = names as [string, string, string];
  const locks = names.map((name) => `${name}-lock`);
  const still = `.q.rot.tmp-${process.ppid}-0123456789ac`;
  const resized = `..q.rot.tmp-${ended}-0123456789ab.tmp-${ended}-0123456789ab`;
  const kept = ['other', '.q.rot.tmp', 'q.tmp-1-0123456789ab'];
  const all = [...names, ...locks, still, resized, ...kept];
  const directory = t.testdir(Object.fromEntries(all.map((name) => [name, ''])));
  const old = new Date(Date.now() - 120_000);
  utimesSync(join(directory, still), old, old);
  await openQueues(t, directory);
  t.strictSame(readdirSync(directory).sort(), [...kept, made, `${made}-lock`].sort());
});

t.test('a copy that is put in the place of its file draws a new epoch, whatever inode it gets', async (t) => {
  const directory = t.testdir();
  const [file, backup] = [join(directory, 'q.rot'), join(directory, 'backup')];
  const first = await openQueues(t, directory);
  await pushTexts((await first.create('q', SMALL)).queue, 'one');
  await first.close();
  copyFileSync(file, backup);
  const second = await openQueues(t, directory);
  const { epoch } = await pushTexts(second.get('q'), 'two');
  await second.close();
  // The filesystem may give the inode that becomes free to the next file.
  rmSync(file);
  copyFileSync(backup, file);
  const third = await openQueues(t, directory);
  const drawn = third.get('q').epoch;
  t.not(drawn, epoch);
  await third.close();
  t.equal((await openQueues(t, directory)).get('q').epoch, drawn, 'and keeps it');
});

t.test('creates and looks at a file that was just copied there do not get in the way of each other', async (t) => {
  const directory = t.testdir();
  const queues = await openQueues(t, directory);
  await queues.create('a', SMALL);
  for (const name of ['b', 'c']) copyFileSync(join(directory, 'a.rot'), join(directory, `${name}.rot`));
  const creates = ['b', 'b', 'b'].map((name) => queues.create(name, {}));
  const [looked, ...made] = await Promise.all([queues.rescan(), ...creates, queues.create('c', {})]);
  t.equal(looked, undefined);
  t.strictSame(
    made.map(({ created, queue }) => [queue.name, created]),
    [
      ['b', false],
      ['b', false],
      ['b', false],
      ['c', false],
    ],
  );
  t.strictSame(queues.unreadable, []);
  t.strictSame(
    queues.all.map(({ name }) => name),
    ['a', 'b', 'c'],
  );
});

t.test('a name that leads nowhere is listed, and hides no other', async (t) => {
  const directory = t.testdir();
  symlinkSync('loop.rot', join(directory, 'loop.rot'));
  const queues = await openQueues(t, directory);
  await pushTexts((await queues.create('q', SMALL)).queue, 'one');
  await queues.rescan();
  t.strictSame(
    queues.unreadable.map(({ queue }) => queue),
    ['loop'],
  );
  t.notMatch(queues.unreadable[0]?.reason.message, directory, 'no path of the machine');
  rmSync(join(directory, 'loop.rot'));
  await queues.rescan();
  t.strictSame(queues.unreadable, []);
});

t.test('an open queue whose name leads nowhere any more is gone', async (t) => {
  const directory = t.testdir();
  const failures: string[] = [];
  const queues = await Queues.open(directory, {
    now: Date.now,
    pollMs: 0,
    onFailure: (_, name) => failures.push(name),
  });
  t.teardown(() => queues.close());
  const { queue } = await queues.create('q', SMALL);
  rmSync(join(directory, 'q.rot'));
  symlinkSync('q.rot', join(directory, 'q.rot'));
  await t.rejects(pushTexts(queue, 'one'), { code: 'queue_not_found' });
  await queues.rescan();
  t.equal(queue.ended, 'removed');
  t.strictSame(failures, []);
});

t.test('a write that failed is told once, however many wait behind it', async (t) => {
  const failures: string[] = [];
  const queues = await Queues.open(t.testdir(), {
    now: Date.now,
    pollMs: 0,
    onFailure: (_, name) => failures.push(name),
  });
  t.teardown(() => queues.close());
  const { queue } = await queues.create('q', { ...SMALL, maxMessages: 1 });
  const { commit } = Environment.prototype;
  t.teardown(() => {
    Environment.prototype.commit = commit;
  });
  Environment.prototype.commit = () => Promise.reject(new RoteraError('queue_read_only', 'The disk failed.'));
  const pushes = await Promise.allSettled(Array.from({ length: 20 }, () => pushTexts(queue, 'one')));
  t.ok(pushes.every((push) => push.status === 'rejected' && push.reason.code === 'queue_read_only'));
  t.strictSame(failures, ['q']);
});

t.test('while it closes nothing is made any more', async (t) => {
  const directory = t.testdir();
  const queues = await openQueues(t, directory);
  const first = queues.create('q', { ...SMALL, reserve: true });
  const second = queues.create('q', SMALL);
  const third = queues.create('r', SMALL);
  second.catch(() => undefined);
  await queues.close();
  t.equal((await first).created, true);
  t.equal((await third).created, true);
  await t.rejects(second, { code: 'draining' });
  await t.rejects(queues.create('s', SMALL), { code: 'draining' });
  const again = await openQueues(t, directory);
  t.strictSame(
    again.all.map(({ name }) => name),
    ['q', 'r'],
  );
});

t.test('what waits is bounded by what it holds, not by what messages it is made of', async (t) => {
  const queues = await openQueues(t, t.testdir());
  const { queue } = await queues.create('q', { maxBytes: 16 * MIB, maxMessages: 10_000_000, reserve: false });
  const empty = batchOf(Array<Buffer>(1_000_000).fill(Buffer.alloc(0)));
  const pushes = await Promise.allSettled(Array.from({ length: 24 }, () => queue.push(empty)));
  const refused = pushes.filter(({ status }) => status === 'rejected');
  t.ok(refused.length >= 4, `${refused.length} refused`);
  for (const push of refused) t.match(push, { reason: { code: 'overloaded' } });
  t.equal(queue.next, (24 - refused.length) * 1_000_000);
});
