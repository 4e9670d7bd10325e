import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { RoteraError } from '../../src/errors.js';
import { markFailed } from '../../src/queue/failed-mark.js';

t.test('a mark is there on return when the disk answers', async (t) => {
  const directory = t.testdir();
  markFailed(join(directory, 'one.rot'), new RoteraError('queue_read_only', 'EIO'));
  t.strictSame(JSON.parse(readFileSync(join(directory, '.one.rot.failed'), 'utf8')), { reason: 'EIO' });
});

t.test('nobody waits for the mark on a disk that hangs', async (t) => {
  const directory = t.testdir();
  const mark = join(directory, '.one.rot.failed');
  // To open a named pipe for writing takes until somebody reads it.
  execFileSync('mkfifo', [mark]);
  markFailed(join(directory, 'one.rot'), new RoteraError('commit_timeout', 'late'));
  await sleep(100);
  t.pass('the event loop goes on');
  closeSync(openSync(mark, constants.O_RDONLY | constants.O_NONBLOCK));
});
