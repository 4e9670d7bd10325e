import t, { type Test } from 'tap';
import { RoteraError } from '../../src/errors.js';
import { Committer, MAX_WAITING_BYTES, MAX_WAITING_WRITES, type Weight } from '../../src/queue/committer.js';

const code = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error) => (error instanceof RoteraError ? error.code : error),
  );

/** A committer over a disk that answers when it is told to. Each write is answered with its number, from 0 on. */
function slowDisk(most: Partial<Weight> = {}) {
  const groups: string[][] = [];
  const answers: Array<{ finish: () => void; fail: (error: Error) => void }> = [];
  let next = 0;
  const committer = new Committer<string, number>({
    most: { messages: 1000, bytes: 1000, ...most },
    commit: (writes) =>
      new Promise((resolve, reject) => {
        groups.push([...writes]);
        answers.push({
          finish: () => resolve(writes.map((write) => (write === 'bad' ? new RoteraError('next_moved', '') : next++))),
          fail: reject,
        });
      }),
  });
  const push = (write: string, weight: Partial<Weight> = {}): Promise<number> =>
    committer.write(write, { messages: 1, bytes: write.length, ...weight });
  /** Resolves when the disk has been asked so often. */
  const asked = async (times: number): Promise<void> => {
    while (answers.length < times) await new Promise(setImmediate);
  };
  return { committer, push, groups, answers, asked };
}

t.test('what waits while a commit runs becomes the next one, in order', async (t) => {
  const { committer, push, groups, answers, asked } = slowDisk();
  const pushes = ['a', 'b', 'c'].map((text) => push(text));
  t.strictSame(groups, [['a']]);
  t.equal(committer.waiting, 2);
  answers[0]!.finish();
  await asked(2);
  t.strictSame(groups, [['a'], ['b', 'c']]);
  const late = push('d');
  answers[1]!.finish();
  await asked(3);
  answers[2]!.finish();
  t.strictSame(await Promise.all([...pushes, late]), [0, 1, 2, 3]);
  t.strictSame(groups.at(-1), ['d']);
});

t.test('a push is not answered before its commit', async (t) => {
  const { push, answers } = slowDisk();
  let answered = false;
  const pushed = push('a').then(() => {
    answered = true;
  });
  await new Promise(setImmediate);
  t.equal(answered, false);
  answers[0]!.finish();
  await pushed;
  t.equal(answered, true);
});

const grouped = async (t: Test, limits: object, sizes: readonly number[]): Promise<number[]> => {
  const { committer, push, groups, answers, asked } = slowDisk(limits);
  const all = [0, ...sizes].map((size) => push('x'.repeat(size)));
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
  t.strictSame(await grouped(t, { messages: 2 }, [1, 1, 1, 1, 1]), [2, 2, 1], 'by messages');
  t.strictSame(await grouped(t, { bytes: 10 }, [4, 4, 4, 10, 1, 1]), [2, 1, 1, 2], 'by bytes');
});

t.test('idle resolves when nothing waits', async (t) => {
  const { committer, push, answers } = slowDisk();
  await committer.idle();
  const pushed = push('a');
  const idle = committer.idle();
  answers[0]!.finish();
  await idle;
  t.equal(committer.waiting, 0);
  t.equal(await pushed, 0);
});

t.test('a write that is refused is refused alone', async (t) => {
  const { push, answers, asked } = slowDisk();
  const pushes = ['a', 'b', 'bad', 'c'].map((write) => push(write));
  answers[0]!.finish();
  await asked(2);
  answers[1]!.finish();
  t.strictSame(await Promise.all(pushes.map(code)), [0, 1, 'next_moved', 2]);
});

t.test('a failed commit fails all of its group, and only them', async (t) => {
  const { push, answers, asked } = slowDisk();
  const first = push('a');
  const group = [push('b'), push('c')];
  answers[0]!.finish();
  await asked(2);
  const later = push('d');
  answers[1]!.fail(new RoteraError('disk_full', 'no room'));
  t.strictSame(await Promise.all(group.map(code)), ['disk_full', 'disk_full']);
  await asked(3);
  answers[2]!.finish();
  t.equal(await first, 0);
  t.equal(await later, 1);
});

t.test('more pushes than may wait are refused, and those that wait are kept', async (t) => {
  const { committer, push, answers, asked } = slowDisk({ messages: MAX_WAITING_WRITES });
  const kept = [push('')];
  for (let i = 0; i < MAX_WAITING_WRITES; i++) kept.push(push(''));
  t.equal(await code(push('')), 'overloaded');
  answers[0]!.finish();
  await asked(2);
  t.equal(committer.waiting, 0, 'there is room again');
  answers[1]!.finish();
  t.equal(await kept.at(-1), MAX_WAITING_WRITES);
});

t.test('more bytes than may wait are refused', async (t) => {
  const { push, answers, asked } = slowDisk();
  const kept = [0, 1, 2, 3, 4].map(() => push('quarter', { bytes: MAX_WAITING_BYTES / 4 }));
  t.equal(await code(push('a')), 'overloaded');
  for (let i = 0; i < 5; i++) {
    await asked(i + 1);
    answers[i]!.finish();
  }
  t.strictSame(await Promise.all(kept), [0, 1, 2, 3, 4]);
});
