import fs, { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

/** At most so many bytes does the file take at once, and so many in all. */
const AT_ONCE = 7;
let room = Number.POSITIVE_INFINITY;

const { steady } = (await t.mockImport('../../src/server/output.js', {
  'node:fs': {
    ...fs,
    writeSync: (fd: number, bytes: Buffer | string, at = 0) => {
      if (room === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      const piece = Buffer.from(bytes).subarray(at, at + Math.min(AT_ONCE, room));
      room -= piece.length;
      return fs.writeSync(fd, piece);
    },
  },
})) as typeof import('../../src/server/output.js');

t.test('a file that takes only a part at once gets all', (t) => {
  const path = join(t.testdir(), 'log');
  const fd = openSync(path, 'a');
  t.teardown(() => closeSync(fd));
  const out = steady({ fd } as never, (lost) => `lost ${lost}\n`);
  out.write('a line that is longer than one write\n');
  out.write(Buffer.from('and another, €\n'));
  t.equal(readFileSync(path, 'utf8'), 'a line that is longer than one write\nand another, €\n');

  room = 10;
  out.write('cut in the middle\n');
  out.write('not there\n');
  room = Number.POSITIVE_INFINITY;
  out.write('there again\n');
  const [, , ...rest] = readFileSync(path, 'utf8').split('\n');
  t.strictSame(rest, ['cut in the', 'lost 2', 'there again', '']);
  t.end();
});
