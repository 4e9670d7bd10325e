import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { batchOf } from '../../src/batch.js';
import { isRoteraError } from '../../src/errors.js';
import { checkRotFile } from '../../src/queue/check.js';
import { probe } from '../../src/queue/probe.js';
import { Queues } from '../../src/queue/queues.js';
import { garbage, harmPage, random } from '../support/damage.js';
import { pagesFor, pageUses } from '../support/rot-pages.js';
import { fillQueue } from '../support/workload.js';

const PAGE = 4096;
const KIB = 1024;

const directory = t.testdir();
const pathOf = (name: string): string => join(directory, `${name}.rot`);
await fillQueue(directory, 'sound', {
  limits: { maxBytes: 64 * KIB, reserve: false },
  pushes: 100,
  most: 30,
  seed: 1,
});
const sound = readFileSync(pathOf('sound'));

/** Code and fault of the refusal, or what the file holds. */
function probed(path: string): unknown {
  try {
    return probe(path);
  } catch (error) {
    if (!isRoteraError(error)) throw error;
    return [error.code, error.details['fault']];
  }
}

t.test('what is no rot file is told from one that lost something', (t) => {
  mkdirSync(pathOf('directory'));
  execFileSync('mkfifo', [pathOf('pipe')]);
  symlinkSync(pathOf('nothing'), pathOf('dangling'));
  const otherVersion = Buffer.from(sound);
  for (const at of [28, PAGE + 28]) otherVersion.writeUInt32LE(1, at);
  const files: Array<[name: string, bytes: Buffer | undefined, code: string, fault: string]> = [
    ['directory', undefined, 'not_a_rot_file', 'not_a_file'],
    ['pipe', undefined, 'not_a_rot_file', 'not_a_file'],
    ['missing', undefined, 'queue_unreadable', 'unreadable'],
    ['dangling', undefined, 'queue_unreadable', 'unreadable'],
    ['empty', Buffer.alloc(0), 'not_a_rot_file', 'empty'],
    ['text', Buffer.from('hello world\n'), 'not_a_rot_file', 'foreign'],
    ['zeros', Buffer.alloc(10 * PAGE), 'not_a_rot_file', 'foreign'],
    ['garbage', garbage(10 * PAGE, random(1)), 'not_a_rot_file', 'foreign'],
    ['version', otherVersion, 'not_a_rot_file', 'other_version'],
    ['head', sound.subarray(0, 3000), 'queue_unreadable', 'cut_short'],
    ['cut', sound.subarray(0, 5 * PAGE), 'queue_unreadable', 'cut_short'],
    ['damaged', harmPage(sound, 0, 'zeroed', random(1)).bytes, 'queue_unreadable', 'damaged'],
  ];
  for (const [name, bytes, code, fault] of files) {
    if (bytes !== undefined) writeFileSync(pathOf(name), bytes);
    t.same(probed(pathOf(name)), [code, fault], name);
  }
  t.match(probed(pathOf('sound')), { entries: { meta: 2 }, pages: { leaked: 0 } });
  t.end();
});

t.test('what stands where the lock file should is no lock file', (t) => {
  const lockFile = `${pathOf('sound')}-lock`;
  const makers: ReadonlyArray<() => unknown> = [
    () => mkdirSync(lockFile),
    () => execFileSync('mkfifo', [lockFile]),
    () => symlinkSync('/dev/null', lockFile),
    () => symlinkSync(lockFile, lockFile),
  ];
  for (const make of makers) {
    rmSync(lockFile, { recursive: true, force: true });
    make();
    t.same(probed(pathOf('sound')), ['queue_unreadable', 'unreadable']);
  }
  rmSync(lockFile);
  writeFileSync(lockFile, 'not a lock');
  t.match(probed(pathOf('sound')), { entries: { meta: 2 } });
  t.end();
});

t.test('one file under two names is served under one', async (t) => {
  const queues = await Queues.open(t.testdir(), { now: () => Date.now(), pollMs: 0 });
  t.teardown(() => queues.close());
  await queues.create('first', { maxBytes: 64 * KIB, reserve: false });
  linkSync(join(queues.directory, 'first.rot'), join(queues.directory, 'second.rot'));
  symlinkSync(join(queues.directory, 'first.rot'), join(queues.directory, 'third.rot'));
  await queues.rescan();
  t.same(
    queues.all.map(({ name }) => name),
    ['first'],
  );
  t.same(
    queues.unreadable.map(({ queue, reason }) => [queue, reason.code]),
    [
      ['second', 'queue_unreadable'],
      ['third', 'queue_unreadable'],
    ],
  );
  // What was refused is tried again once its cause is gone.
  rmSync(join(queues.directory, 'first.rot'));
  await queues.rescan();
  t.same(
    queues.all.map(({ name }) => name),
    ['second'],
  );
});

t.test('a file is served once what kept it from that is gone', async (t) => {
  const served = t.testdir();
  copyFileSync(pathOf('sound'), join(served, 'q.rot'));
  mkdirSync(join(served, 'q.rot-lock'));
  const queues = await Queues.open(served, { now: () => Date.now(), pollMs: 0 });
  t.teardown(() => queues.close());
  t.throws(() => queues.get('q'), { code: 'queue_unreadable' });
  rmdirSync(join(served, 'q.rot-lock'));
  await queues.rescan();
  t.equal(queues.get('q').name, 'q');
});

t.test('rotera check sees a damaged header of a value, and looks at the rest all the same', async (t) => {
  const { problems, blocks } = await checkRotFile(pathOf('sound'));
  t.same(problems, []);
  const [page] = pagesFor(pageUses(sound), 'value') as [number];
  const harmed = Buffer.from(sound);
  harmed[page * PAGE + 20] = 77;
  writeFileSync(pathOf('harmed'), harmed);
  const report = await checkRotFile(pathOf('harmed'));
  t.match(report, { sound: false, count: 1, blocks });
});

t.test(
  'what LMDB leaves behind a meta page that it could not write is served, once the failure is known',
  async (t) => {
    const path = pathOf('sound');
    const queues = await Queues.open(directory, { now: Date.now, pollMs: 0 });
    const { next } = queues.get('sound');
    await queues.get('sound').push(batchOf([Buffer.from('refused')]));
    await queues.close();
    const bytes = readFileSync(path);
    // The newest meta page gets the transaction and the last page of the one that stood there before.
    const numberOf = (page: number): bigint => bytes.readBigUInt64LE(page * PAGE + 152);
    const page = numberOf(0) > numberOf(1) ? 0 : 1;
    sound.copy(bytes, page * PAGE + 144, page * PAGE + 144, page * PAGE + 160);
    bytes.writeBigUInt64LE(numberOf(1 - page) - 1n, page * PAGE + 152);
    writeFileSync(path, bytes);
    t.strictSame(probed(path), ['queue_unreadable', 'damaged'], 'it might as well be the newest commit, renumbered');
    writeFileSync(join(directory, '.sound.rot.failed'), JSON.stringify({ reason: 'EIO' }));
    t.strictSame((await checkRotFile(path)).problems, []);
    const again = await Queues.open(directory, { now: Date.now, pollMs: 0 });
    const queue = again.get('sound');
    t.equal(queue.next, next, 'without what was refused');
    t.equal(queue.state, 'ok');
    t.match(await queue.push(batchOf([Buffer.from('kept')])), { first: next });
    await again.close();
    t.strictSame((await checkRotFile(path)).problems, []);
    t.equal(existsSync(join(directory, '.sound.rot.failed')), false);
  },
);
