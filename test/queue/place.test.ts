import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { batchOf } from '../../src/batch.js';
import { RoteraError } from '../../src/errors.js';
import type { Queue } from '../../src/queue/queue.js';
import { Queues } from '../../src/queue/queues.js';

const MIB = 1024 * 1024;
const LIMITS = { maxBytes: 16 * MIB, maxMessageBytes: 4 * MIB, reserve: false };

/** Large enough that the file needs more room for it. */
const large = batchOf([Buffer.alloc(3 * MIB, 'x')]);

async function opened(t: Test, directory: string): Promise<{ queues: Queues; queue: Queue; failures: string[] }> {
  const failures: string[] = [];
  const queues = await Queues.open(directory, { now: Date.now, onFailure: ({ code }) => void failures.push(code) });
  t.teardown(() => queues.close());
  const { queue } = await queues.create('q', LIMITS);
  return { queues, queue, failures };
}

t.test('a file that is removed while it needs room is no disk that fails', async (t) => {
  const directory = t.testdir();
  const { queue, failures } = await opened(t, directory);
  rmSync(join(directory, 'q.rot'));
  await t.rejects(queue.push(large), { code: 'queue_not_found' });
  t.strictSame(failures, []);
});

t.test('a file that has taken the place of another is not written to when that needs room', async (t) => {
  const root = t.testdir({ served: {}, other: {} });
  const [directory, elsewhere] = [join(root, 'served'), root];
  const { queue, failures } = await opened(t, directory);
  const other = await Queues.open(join(elsewhere, 'other'), { now: Date.now });
  const theirs = (await other.create('q', LIMITS)).queue;
  for (let i = 0; i < 3; i++) await theirs.push(large);
  await other.close();
  const [from, to] = [join(elsewhere, 'other', 'q.rot'), join(directory, 'q.rot')];
  copyFileSync(from, `${to}.tmp-1`);
  renameSync(`${to}.tmp-1`, to);
  await t.rejects(queue.push(large), { code: 'queue_not_found' });
  t.strictSame(failures, []);
  t.ok(readFileSync(from).equals(readFileSync(to)), 'byte for byte as it was');
});

t.test('a reader that stands still holds room, until it is killed', async (t) => {
  const directory = t.testdir();
  const { queue } = await opened(t, directory);
  await queue.push(large);
  const holds = `
    import { open } from 'lmdb';
    const file = open({ path: ${JSON.stringify(join(directory, 'q.rot'))}, noSubdir: true, readOnly: true, maxDbs: 8 });
    globalThis.held = file.useReadTransaction();
    console.log('holds');
    setInterval(() => undefined, 1000);
  `;
  const reader = spawn(process.execPath, ['--input-type=module', '-e', holds], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => reader.kill('SIGKILL'));
  await once(reader.stdout, 'data');
  const pushes = async (): Promise<string | undefined> => {
    for (let i = 0; i < 20; i++) {
      try {
        await queue.push(large);
      } catch (error) {
        return error instanceof RoteraError ? error.code : String(error);
      }
    }
    return undefined;
  };
  t.equal(await pushes(), 'overloaded', 'while it lives');
  t.ok(statSync(join(directory, 'q.rot')).size <= queue.stat().file.limit, 'and the file does not outgrow its limit');
  reader.kill('SIGKILL');
  await once(reader, 'exit');
  t.equal(await pushes(), undefined, 'when it is gone');
});
