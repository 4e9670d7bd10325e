import t, { type Test } from 'tap';
import { type Batch, batchOf } from '../../src/batch.js';
import { RoteraError } from '../../src/errors.js';
import { Committer, MAX_WAITING_BYTES, MAX_WAITING_PUSHES } from '../../src/queue/committer.js';

const one = (text: string): Batch => batchOf([Buffer.from(text)]);
const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error) => (error instanceof RoteraError ? error.code : error),
  );

/** A committer over a disk that answers when it is told to. */
function slowDisk(limits: { maxMessages?: number; maxBytes?: number } = {}) {
  const groups: string[][] = [];
  const answers: Array<{ finish: () => void; fail: (error: Error) => void }> = [];
  let next = 0;
  const committer = new Committer({
    maxMessages: 1000,
    maxBytes: 1000,
    ...limits,
    commit: (batches) =>
      new Promise((resolve, reject) => {
        groups.push(batches.map(({ records, count }) => `${count}:${Buffer.from(records.subarray(4))}`));
        const first = next;
        answers.push({
          finish: () => {
            next += batches.reduce((sum, batch) => sum + batch.count, 0);
            resolve(first);
          },
          fail: reject,
        });
      }),
  });
  /** Resolves when the disk has been asked so often. */
  const asked = async (times: number): Promise<void> => {
    while (answers.length < times) await new Promise(setImmediate);
  };
  return { committer, groups, answers, asked };
}

t.test('what waits while a commit runs becomes the next one, in order', async (t) => {
  const { committer, groups, answers, asked } = slowDisk();
  const pushes = ['a', 'b', 'c'].map((text) => committer.push(one(text)));
  t.strictSame(groups, [['1:a']]);
  t.equal(committer.waiting, 2);
  answers[0]!.finish();
  await asked(2);
  t.strictSame(groups, [['1:a'], ['1:b', '1:c']]);
  const late = committer.push(one('d'));
  answers[1]!.finish();
  await asked(3);
  answers[2]!.finish();
  t.strictSame(await Promise.all([...pushes, late]), [0, 1, 2, 3]);
  t.strictSame(groups.at(-1), ['1:d']);
});

t.test('a push is not answered before its commit', async (t) => {
  const { committer, answers } = slowDisk();
  let answered = false;
  const push = committer.push(one('a')).then(() => {
    answered = true;
  });
  await new Promise(setImmediate);
  t.equal(answered, false);
  answers[0]!.finish();
  await push;
  t.equal(answered, true);
});

const grouped = async (t: Test, limits: object, sizes: readonly number[]): Promise<number[]> => {
  const { committer, groups, answers, asked } = slowDisk(limits);
  const all = [0, ...sizes].map((size) => committer.push(one('x'.repeat(size))));
  let done = false;
  void committer.idle().then(() => {
    done = true;
  });
  for (let i = 0; !done; i++) {
    await asked(i + 1);
    answers[i]!.finish();
    await new Promise(setImmediate);
  }
  t.strictSame(
    await Promise.all(all),
    [0, ...sizes].map((_, i) => i),
  );
  return groups.slice(1).map((group) => group.length);
};

t.test('a group never holds more than the queue keeps', async (t) => {
  t.strictSame(await grouped(t, { maxMessages: 2 }, [1, 1, 1, 1, 1]), [2, 2, 1], 'by messages');
  t.strictSame(await grouped(t, { maxBytes: 10 }, [4, 4, 4, 10, 1, 1]), [2, 1, 1, 2], 'by bytes');
});

t.test('idle resolves when nothing waits', async (t) => {
  const { committer, answers } = slowDisk();
  await committer.idle();
  const push = committer.push(one('a'));
  const idle = committer.idle();
  answers[0]!.finish();
  await idle;
  t.equal(committer.waiting, 0);
  t.equal(await push, 0);
});

t.test('a failed commit fails all of its group, and only them', async (t) => {
  const { committer, answers, asked } = slowDisk();
  const first = committer.push(one('a'));
  const group = [committer.push(one('b')), committer.push(one('c'))];
  answers[0]!.finish();
  await asked(2);
  const later = committer.push(one('d'));
  answers[1]!.fail(new RoteraError('disk_full', 'no room'));
  t.strictSame(await Promise.all(group.map(code)), ['disk_full', 'disk_full']);
  await asked(3);
  answers[2]!.finish();
  t.equal(await first, 0);
  t.equal(await later, 1, 'ids are not used up by a push that failed');
});

t.test('more pushes than may wait are refused, and those that wait are kept', async (t) => {
  const { committer, answers, asked } = slowDisk({ maxMessages: MAX_WAITING_PUSHES });
  const kept = [committer.push(one(''))];
  for (let i = 0; i < MAX_WAITING_PUSHES; i++) kept.push(committer.push(one('')));
  t.equal(await code(committer.push(one(''))), 'overloaded');
  answers[0]!.finish();
  await asked(2);
  t.equal(committer.waiting, 0, 'there is room again');
  answers[1]!.finish();
  t.equal(await kept.at(-1), MAX_WAITING_PUSHES);
});

t.test('more bytes than may wait are refused', async (t) => {
  const { committer, answers, asked } = slowDisk();
  const records = new Uint8Array(MAX_WAITING_BYTES / 4);
  const quarter: Batch = { records, count: 1, bytes: records.length - 4, longest: records.length - 4 };
  const kept = [0, 1, 2, 3, 4].map(() => committer.push(quarter));
  t.equal(await code(committer.push(one('a'))), 'overloaded');
  for (let i = 0; i < 5; i++) {
    await asked(i + 1);
    answers[i]!.finish();
  }
  t.strictSame(await Promise.all(kept), [0, 1, 2, 3, 4]);
});
