import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { deadlineIn } from '../../src/queue/deadline.js';

const MS = 300;

/** Nothing of this process runs meanwhile. */
const standStill = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

t.test('a deadline comes, and not before its time', async (t) => {
  const began = performance.now();
  const { over, clear } = deadlineIn(MS);
  t.teardown(clear);
  await over;
  t.ok(performance.now() - began >= MS * 0.9);
});

t.test('what was done while the process stood still is heard of before the deadline is over', async (t) => {
  const { over, clear } = deadlineIn(MS);
  t.teardown(clear);
  standStill(3 * MS);
  const first = await Promise.race([over.then(() => 'over'), sleep(1).then(() => nextTurn('done'))]);
  t.equal(first, 'done');
  await over;
});

t.test('one that was given up does not come', async (t) => {
  const { over, clear } = deadlineIn(MS / 10);
  clear();
  t.equal(await Promise.race([over.then(() => 'over'), sleep(MS, 'not')]), 'not');
});
