import t from 'tap';
import { batchOf, batchOfLines, messagesOf, parseBatch } from '../src/batch.js';

const texts = (records: Uint8Array): string[] =>
  [...messagesOf(records)].map((message) => Buffer.from(message).toString());

t.test('lines become messages without their newline; blank lines are skipped', async (t) => {
  const batch = batchOfLines(Buffer.from('one\r\n\n\r\ntwo\nthree'));
  t.strictSame(texts(batch.records), ['one', 'two', 'three']);
  t.match(batch, { count: 3, bytes: 11, longest: 5 });
});

t.test('lines are kept exactly as they are when asked for', async (t) => {
  const batch = batchOfLines(Buffer.from('one\r\n\n\r\ntwo\nthree'), { exact: true });
  t.strictSame(texts(batch.records), ['one\r', '', '\r', 'two', 'three']);
  t.match(batch, { count: 5, bytes: 13, longest: 5 });
});

t.test('a batch is parsed as it was built', async (t) => {
  const built = batchOf([Buffer.from('a'), Buffer.alloc(0), Buffer.from('ccc')]);
  t.strictSame(parseBatch(built.records), built);
  t.strictSame(texts(built.records), ['a', '', 'ccc']);
});
