import { createWriteStream, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import t, { type Test } from 'tap';
import { withPriorities } from '../../src/systemd/journal.js';

/** A file that plays the journal, and what systemd says of it. */
function journal(t: Test): { stream: ReturnType<typeof createWriteStream> & { fd: number }; id: string; path: string } {
  const path = join(t.testdir(), 'journal');
  const fd = openSync(path, 'w');
  const stream = Object.assign(createWriteStream(path, { fd }), { fd });
  t.teardown(() => stream.destroy());
  const { dev, ino } = fstatSync(fd);
  return { stream, id: `${dev}:${ino}`, path };
}

const write = (stream: NodeJS.WritableStream, text: string): Promise<void> =>
  new Promise((resolve) => stream.write(text, () => resolve()));

t.test('lines that go to the journal have their priority', async (t) => {
  const { stream, id, path } = journal(t);
  const stderr = withPriorities(stream, { JOURNAL_STREAM: id });
  for (const level of [10, 20, 30, 40, 50, 60]) await write(stderr, `{"level":${level},"msg":"a"}\n`);
  await write(stderr, 'rotera: two\nlines\n');
  t.strictSame(readFileSync(path, 'utf8').split('\n'), [
    '<7>{"level":10,"msg":"a"}',
    '<7>{"level":20,"msg":"a"}',
    '<6>{"level":30,"msg":"a"}',
    '<4>{"level":40,"msg":"a"}',
    '<3>{"level":50,"msg":"a"}',
    '<2>{"level":60,"msg":"a"}',
    '<3>rotera: two',
    '<3>lines',
    '',
  ]);
});

t.test('a journal that is gone ends nobody', async (t) => {
  const { stream, id } = journal(t);
  const { fd } = stream;
  const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error('gone')) });
  gone.on('error', () => undefined);
  const stderr = withPriorities(Object.assign(gone, { fd }), { JOURNAL_STREAM: id });
  stderr.on('error', (error) => t.fail(error.message));
  await write(stderr, 'one\n');
  await write(stderr, 'two\n');
});

t.test('what goes elsewhere is as it is', async (t) => {
  const { stream } = journal(t);
  t.equal(withPriorities(stream, {}), stream, 'no journal at all');
  t.equal(withPriorities(stream, { JOURNAL_STREAM: '1:2' }), stream, 'redirected');
});
