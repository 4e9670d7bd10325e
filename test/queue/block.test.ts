import t from 'tap';
import { batchOf, messagesOf } from '../../src/batch.js';
import { BLOCK_HEADER_BYTES, Block, SEGMENT_HEADER_BYTES, sealSegment } from '../../src/queue/block.js';

const FIRST = 2 ** 40 + 7;
const POSITION = 2 ** 33 + 5;

/** The stored form of a block whose segments hold these messages, each committed one second later. */
function encode(segments: readonly (readonly string[])[], first = FIRST): Buffer {
  const parts = segments.map((messages) => batchOf(messages.map((message) => Buffer.from(message))));
  const length = parts.reduce((sum, part) => sum + SEGMENT_HEADER_BYTES + part.records.length, BLOCK_HEADER_BYTES);
  const buffer = Buffer.alloc(length);
  Block.create(buffer, first, POSITION);
  let offset = BLOCK_HEADER_BYTES;
  let id = first;
  parts.forEach((part, i) => {
    buffer.set(part.records, offset + SEGMENT_HEADER_BYTES);
    const end = offset + SEGMENT_HEADER_BYTES + part.records.length;
    sealSegment(buffer, offset, end, { first: id, count: part.count, time: 1_700_000_000_000 + i * 1000 });
    id += part.count;
    offset = end;
  });
  return buffer;
}

const SEGMENTS = [['a', 'bb', ''], ['ccc'], ['', 'dddd', 'ee', 'f']] as const;
const ALL = SEGMENTS.flat();

/** Every message that can be had from a block, one slice after the other. */
function contents(block: Block): string[] {
  const found: string[] = [];
  for (let id = block.first; id < block.next; ) {
    const slice = block.slice(id, 1000, 1000)!;
    for (const message of messagesOf(slice.records)) found.push(Buffer.from(message).toString());
    id += slice.count;
  }
  return found;
}

t.test('a block is decoded as it was encoded', async (t) => {
  const block = Block.decode(encode(SEGMENTS), FIRST);
  t.match(block, { first: FIRST, next: FIRST + 8, position: POSITION, damaged: false });
  t.strictSame(contents(block), ALL);
  t.strictSame(
    block.segments.map(({ first, count, time }) => ({ first, count, time })),
    [
      { first: FIRST, count: 3, time: 1_700_000_000_000 },
      { first: FIRST + 3, count: 1, time: 1_700_000_001_000 },
      { first: FIRST + 4, count: 4, time: 1_700_000_002_000 },
    ],
  );
});

t.test('every flipped bit is detected, and what lies before it is kept', async (t) => {
  const sound = encode(SEGMENTS);
  const unnoticed: number[] = [];
  for (let at = 0; at < sound.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const bad = Buffer.from(sound);
      bad[at]! ^= 1 << bit;
      const block = Block.decode(bad, FIRST);
      const kept = contents(block);
      const isPrefix = kept.every((message, i) => message === ALL[i]);
      if (!block.damaged || !isPrefix || kept.length === ALL.length) unnoticed.push(at);
    }
  }
  t.strictSame(unnoticed, []);
});

t.test('a block that was cut short loses its last segments, and says so unless it ends between two', async (t) => {
  const sound = encode(SEGMENTS);
  const ends = Block.decode(sound, FIRST).segments.map(({ end }) => end);
  for (let length = 0; length < sound.length; length++) {
    const block = Block.decode(sound.subarray(0, length), FIRST);
    const whole = SEGMENTS.slice(0, ends.filter((end) => end <= length).length).flat();
    t.strictSame(contents(block), whole, `${length} bytes`);
    t.equal(block.damaged, length !== BLOCK_HEADER_BYTES && !ends.includes(length), `${length} bytes: damaged`);
  }
});

t.test('a block found in a wrong place is damaged', async (t) => {
  t.match(Block.decode(encode(SEGMENTS), FIRST + 1), { damaged: true, segments: [] });
});

t.test('a segment moved to another id is damaged', async (t) => {
  const block = encode([['a'], ['b'], ['c']]);
  const { segments } = Block.decode(block, FIRST);
  const swapped = Buffer.from(block);
  const [, second, third] = segments;
  const size = second!.end - second!.start + SEGMENT_HEADER_BYTES;
  block.copy(swapped, third!.end - size, second!.end - size, second!.end);
  t.match(Block.decode(swapped, FIRST), { damaged: true, next: FIRST + 2 });
});

t.test('a slice ends at its limit, at its bytes or with its segment, but holds one message at least', async (t) => {
  const block = Block.decode(encode(SEGMENTS), FIRST);
  let id = FIRST;
  for (const [index, segment] of SEGMENTS.entries()) {
    for (let skipped = 0; skipped < segment.length; skipped++, id++) {
      for (let limit = 1; limit <= 5; limit++) {
        for (let maxBytes = 1; maxBytes <= 8; maxBytes++) {
          const wanted: string[] = [];
          for (const message of segment.slice(skipped)) {
            const size = wanted.join('').length + message.length;
            if (wanted.length === limit || (wanted.length > 0 && size > maxBytes)) break;
            wanted.push(message);
          }
          const slice = block.slice(id, limit, maxBytes)!;
          const found = [...messagesOf(slice.records)].map((message) => Buffer.from(message).toString());
          const { first, count, time } = slice;
          if (!t.strictSame([first, count, time, found], [id, wanted.length, 1_700_000_000_000 + index * 1000, wanted]))
            return;
        }
      }
    }
  }
  t.equal(block.slice(FIRST - 1, 1, 1), undefined, 'nothing before the block');
  t.equal(block.slice(FIRST + 8, 1, 1), undefined, 'nothing behind it');
});

t.test('the position of a message is what was pushed before it', async (t) => {
  const block = Block.decode(encode(SEGMENTS), FIRST);
  for (const [i] of ALL.entries()) {
    t.equal(block.positionOf(FIRST + i), POSITION + ALL.slice(0, i).join('').length);
  }
});

t.test('bytes of another kind are a damaged block, whatever they are', async (t) => {
  for (const length of [0, 1, BLOCK_HEADER_BYTES - 1, BLOCK_HEADER_BYTES, 5000]) {
    t.match(Block.decode(Buffer.alloc(length), 0), { damaged: true, segments: [] });
    t.match(Block.decode(Buffer.alloc(length, 0xff), 0), { damaged: true, segments: [] });
  }
});
