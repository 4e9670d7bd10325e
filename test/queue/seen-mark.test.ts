import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { batchOf } from '../../src/batch.js';
import { connect } from '../../src/client/node.js';
import { snapshotRotFile } from '../../src/queue/copy.js';
import { Queues } from '../../src/queue/queues.js';
import { serve } from '../support/program.js';
import { openQueues, pushTexts, SMALL } from '../support/queues.js';

interface Given {
  readonly directory: string;
  readonly file: string;
  readonly mark: string;
  /** Opens the queue, pushes texts to it and closes it: its epoch, and the first id that a text got. */
  readonly session: (...texts: string[]) => Promise<{ epoch: string; first: number }>;
  /** Puts a copy made before over the file, as `cp` does. */
  readonly backup: (name: string) => () => void;
}

/** A queue that nobody has open, with one message. */
async function given(t: Test): Promise<Given> {
  const directory = t.testdir({ rots: {} });
  const rots = join(directory, 'rots');
  const file = join(rots, 'q.rot');
  const session: Given['session'] = async (...texts) => {
    const queues = await openQueues(t, rots);
    const { queue } = await queues.create('q', SMALL);
    const first = queue.next;
    for (const text of texts) await pushTexts(queue, text);
    await queues.close();
    return { epoch: queue.epoch, first };
  };
  await session('one');
  const backup: Given['backup'] = (name) => {
    copyFileSync(file, join(directory, name));
    return () => copyFileSync(join(directory, name), file);
  };
  return { directory, file, mark: join(rots, '.q.rot.seen'), session, backup };
}

t.test('a backup that is copied over its file draws a new epoch, each time', async (t) => {
  const { session, backup } = await given(t);
  const older = backup('older');
  const { epoch } = await session('two');
  const newer = backup('newer');
  const epochs = new Set([epoch]);
  for (const restore of [older, newer, older, older, newer, newer]) {
    restore();
    const restored = await session();
    t.notOk(epochs.has(restored.epoch));
    epochs.add(restored.epoch);
    t.match(await session('another'), { epoch: restored.epoch }, 'and keeps it');
    t.match(await session(), { epoch: restored.epoch }, 'and keeps it after a push');
  }
  newer();
  older();
  t.notOk(epochs.has((await session()).epoch));
});

t.test('a backup that is copied over an untouched file is that file', async (t) => {
  const { session, backup } = await given(t);
  const { epoch } = await session();
  const restore = backup('same');
  restore();
  t.match(await session('two'), { epoch, first: 1 });
});

t.test('a backup of the whole directory draws a new epoch when it is copied over it', async (t) => {
  const { directory, session } = await given(t);
  const [rots, saved] = [join(directory, 'rots'), join(directory, 'saved')];
  cpSync(rots, saved, { recursive: true });
  const { epoch } = await session('two');
  cpSync(saved, rots, { recursive: true });
  const restored = await session();
  t.not(restored.epoch, epoch);
  t.match(await session('three'), { epoch: restored.epoch, first: 1 });
});

t.test('a snapshot that is copied over the file draws a new epoch', async (t) => {
  const { directory, file, session } = await given(t);
  const copy = join(directory, 'copy');
  await snapshotRotFile(file, copy);
  const { epoch } = await session();
  copyFileSync(copy, file);
  const restored = await session();
  t.not(restored.epoch, epoch);
  t.match(await session('two'), { epoch: restored.epoch });
});

t.test('starts keep the epoch: without the mark, with a damaged one, where none can be made', async (t) => {
  const { mark, session } = await given(t);
  const { epoch } = await session('two');
  t.ok(existsSync(mark));
  rmSync(mark);
  t.match(await session(), { epoch });
  writeFileSync(mark, '{"epoch"');
  t.match(await session('three'), { epoch, first: 2 });
  rmSync(mark);
  mkdirSync(mark);
  t.match(await session('four'), { epoch, first: 3 });
  t.match(await session('five'), { epoch, first: 4 });
});

t.test('a mark goes with its file', async (t) => {
  const { directory, file, mark, session } = await given(t);
  rmSync(file);
  const made = await session();
  t.match(await session('one'), { epoch: made.epoch, first: 0 }, 'made anew');
  rmSync(file);
  await (await openQueues(t, join(directory, 'rots'))).close();
  t.notOk(existsSync(mark), 'at the next start');
  await session('one');
  const queues = await openQueues(t, join(directory, 'rots'));
  rmSync(file);
  await queues.rescan();
  t.notOk(existsSync(mark), 'when it is missed');
  t.strictSame(
    readdirSync(join(directory, 'rots')).filter((name) => !name.endsWith('-lock')),
    [],
  );
});

t.test(
  'a killed server keeps the epoch at its next start, and knows a backup that is copied over the file',
  async (t) => {
    const directory = t.testdir();
    const [file, saved] = [join(directory, 'q.rot'), join(directory, 'saved')];
    const push = async (url: string) => await connect({ url }).push('q', batchOf([Buffer.from('x')]));
    let epoch: string | undefined;
    for (let next = 1; next < 4; next++) {
      const server = await serve(t, ['--dir', directory]);
      if (epoch === undefined) await connect({ url: server.url }).create('q', SMALL);
      const pushed = await push(server.url);
      epoch ??= pushed.epoch;
      t.match(pushed, { epoch, next });
      await server.stop('SIGKILL');
      if (next === 2) copyFileSync(file, saved);
    }
    copyFileSync(saved, file);
    const server = await serve(t, ['--dir', directory]);
    const pushed = await push(server.url);
    t.match(pushed, { next: 3 });
    t.not(pushed.epoch, epoch);
  },
);

t.test(
  'when the disk does not answer for the mark, its push is stored, and what waits behind it does not wait once more',
  async (t) => {
    const { rename } = promises;
    const replace = (by: typeof rename): void => {
      promises.rename = by;
      syncBuiltinESMExports();
    };
    t.teardown(() => replace(rename));
    replace((from, to) => (String(to).endsWith('.seen') ? new Promise(() => undefined) : rename(from, to)));
    // A deadline counts thirty ticks (deadline.ts): here each lasts a hundredth.
    const { setInterval: every } = globalThis;
    t.intercept(globalThis, 'setInterval', {
      value: (call: () => void, ms: number) => every(call, ms / 100),
    });
    const failures: string[] = [];
    const queues = await Queues.open(t.testdir(), {
      now: Date.now,
      pollMs: 0,
      onFailure: ({ code }) => failures.push(code),
    });
    t.teardown(() => queues.close());
    const { queue } = await queues.create('q', SMALL);
    const push = (text: string) => queue.push(batchOf([Buffer.from(text)]));
    const [first, behind] = await Promise.allSettled([push('first'), push('behind')]);
    t.match(first, { value: { first: 0 } });
    t.match(behind, { reason: { code: 'commit_timeout' } });
    t.equal(queue.next, 1);
    t.strictSame(failures, ['commit_timeout']);
  },
);
