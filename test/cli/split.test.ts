import fc from 'fast-check';
import t from 'tap';
import { parseDelimiter, split } from '../../cli/split.js';
import { messagesOf } from '../../src/batch.js';

/** The messages of an input that arrives in these pieces. */
async function splitOf(pieces: readonly string[], delimiter?: string): Promise<string[]> {
  async function* input(): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) yield Buffer.from(piece);
  }
  const options = {
    delimiter: delimiter === undefined ? undefined : Buffer.from(delimiter),
    mostBytes: 1000,
    name: 'standard input',
  };
  const texts: string[] = [];
  for await (const { records } of split(input(), options)) {
    for (const message of messagesOf(records)) texts.push(Buffer.from(message).toString());
  }
  return texts;
}

/** Nothing behind the last delimiter is no message. */
function expected(text: string, delimiter = '\n'): string[] {
  const texts = text.split(delimiter);
  return texts.at(-1) === '' ? texts.slice(0, -1) : texts;
}

t.test('where delimiters overlap, the first counts, whatever follows', async (t) => {
  t.strictSame(await splitOf(['x\n\n\ny'], '\n\n'), ['x', '\ny']);
  t.strictSame(await splitOf(['x\n\n\ny\n\nz'], '\n\n'), ['x', '\ny', 'z']);
  t.strictSame(await splitOf(['x\n', '\n', '\n', '\ny'], '\n\n'), ['x', '', 'y']);
});

t.test('cut as String.split cuts, however the input arrives', async (t) => {
  // Few letters, so that delimiters are met, begun, and overlap.
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 12 });
  const delimiter = fc.option(fc.string({ unit: fc.constantFrom('a', 'b', '\n'), minLength: 1, maxLength: 4 }), {
    nil: undefined,
  });
  const property = fc.asyncProperty(fc.array(text, { maxLength: 8 }), delimiter, async (pieces, delimiter) => {
    const whole = pieces.join('');
    const cut = await splitOf(pieces, delimiter);
    return JSON.stringify(cut) === JSON.stringify(expected(whole, delimiter));
  });
  await fc.assert(property, { numRuns: 2000 });
  t.pass('for all of them');
});

t.test('what a delimiter is written as', async (t) => {
  const delimiters: ReadonlyArray<readonly [text: string, bytes: string]> = [
    ['\\n\\t\\r\\0\\\\', '\n\t\r\0\\'],
    ['\\x0a\\xFF', '\n\xff'],
    [', ', ', '],
  ];
  for (const [text, bytes] of delimiters) t.equal(Buffer.from(parseDelimiter(text)).toString('latin1'), bytes, text);
  for (const none of ['', '\\q', '\\x', 'a\\']) t.throws(() => parseDelimiter(none), { code: 'bad_parameter' }, none);
});
