import { linkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { giveToOwner } from '../../src/queue/owner.js';

const modeOf = (path: string): number => statSync(path).mode & 0o777;

t.test('a file takes the permissions of the one that it replaces', (t) => {
  const directory = t.testdir();
  const [old, made] = [join(directory, 'old'), join(directory, 'made')];
  writeFileSync(old, '', { mode: 0o600 });
  writeFileSync(made, '', { mode: 0o644 });
  giveToOwner(made, statSync(old), old);
  t.equal(modeOf(made), 0o600);
  t.end();
});

t.test('a file of somebody else that was put in its place stays his', (t) => {
  const directory = t.testdir();
  const [old, others] = [join(directory, 'old'), join(directory, 'others')];
  writeFileSync(old, '', { mode: 0o666 });
  writeFileSync(others, '', { mode: 0o600 });
  const put = { symbolic: symlinkSync, hard: linkSync };
  for (const [name, link] of Object.entries(put)) {
    link(others, join(directory, name));
    t.throws(() => giveToOwner(join(directory, name), statSync(old), old), name);
    t.equal(modeOf(others), 0o600);
  }
  t.end();
});
