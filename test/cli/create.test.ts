import { once } from 'node:events';
import { mkdirSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { start } from '../support/program.js';
import { MIB, openQueues, SMALL } from '../support/queues.js';

t.test('a create that is killed leaves no half file', async (t) => {
  const parent = t.testdir({});
  for (const [round, writes] of [1, 2, 5, 20].entries()) {
    const dir = join(parent, `${round}`);
    mkdirSync(dir);
    // Killed after so many changes in the directory: from the first file it makes to the middle of reserving the room.
    const changes = watch(dir);
    const create = start(['create', '-s', join(dir, 'q.rot'), '--max-bytes', String(32 * MIB)]);
    let seen = 0;
    changes.on('change', () => {
      if (++seen === writes) create.kill('SIGKILL');
    });
    await once(create, 'exit');
    changes.close();
    // Whether the kill came in time is the machine's choice; a half file is never served, and never in the way.
    const queues = await openQueues(t, dir);
    const whole = readdirSync(dir).includes('q.rot');
    t.strictSame(queues.unreadable, []);
    t.strictSame(
      queues.all.map(({ name }) => name),
      whole ? ['q'] : [],
    );
    const { created } = await queues.create('q', whole ? {} : SMALL);
    t.equal(created, !whole);
  }
});
