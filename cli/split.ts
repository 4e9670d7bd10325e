/**
 * Input cut into messages: at newlines, at another delimiter, or not at all.
 */
import { type Batch, batchOf, batchOfLines, messagesOf } from '../src/batch.js';
import { RoteraError } from '../src/errors.js';
import { countedText } from './units.js';

const NEWLINE = 10;

interface SplitOptions {
  /** Between messages; undefined cuts at newlines. */
  readonly delimiter: Uint8Array | undefined;
  /** Longest message the queue takes, in bytes. */
  readonly mostBytes: number;
  /** What the input is called in an error. */
  readonly name: string;
}

/**
 * What has arrived, in batches: one for each piece of input that completes a message. Holds at most a piece and the beginning
 * of one message. Nothing is left out: between two delimiters there is an empty message, and what is behind the last one is a
 * message too.
 * @throws `message_too_large`, when all in front of the message in question has been given
 */
export async function* split(input: AsyncIterable<Uint8Array>, options: SplitOptions): AsyncGenerator<Batch> {
  const delimiter = options.delimiter ?? Uint8Array.of(NEWLINE);
  const limit = options.mostBytes + delimiter.length;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let given = 0;
  const cut = function* (piece: Buffer): Generator<Batch> {
    const batch = batchOfPiece(piece, options.delimiter);
    const whole = batch.longest <= options.mostBytes ? batch : upTo(batch, options.mostBytes);
    if (whole !== undefined) yield whole;
    given += whole?.count ?? 0;
    if (whole !== batch) throw tooLong(given, options);
  };
  for await (const chunk of input) {
    const piece = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    // A delimiter of several bytes may have begun in what is held.
    const joined = delimiter.length > 1 && heldBytes > 0 ? Buffer.concat([...held.splice(0), piece]) : piece;
    const end = endOfLast(delimiter, joined, joined === piece ? 0 : heldBytes);
    if (end !== 0) {
      const complete = joined.subarray(0, end);
      yield* cut(held.length === 0 ? complete : Buffer.concat([...held, complete]));
      held = [];
      heldBytes = 0;
    } else if (joined !== piece) heldBytes = 0;
    const rest = joined.subarray(end);
    if (rest.length > 0) held.push(rest);
    heldBytes += rest.length;
    if (heldBytes > limit) throw tooLong(given, options);
  }
  if (held.length > 0) yield* cut(Buffer.concat(held));
}

/**
 * Behind the last delimiter, or 0 when there is none. Looked for forwards, as it is cut: where delimiters overlap, the first counts.
 * @param seen bytes at the beginning that hold no whole one
 */
function endOfLast(delimiter: Uint8Array, bytes: Buffer, seen: number): number {
  if (delimiter.length === 1) return bytes.lastIndexOf(delimiter) + 1;
  let end = 0;
  let at = bytes.indexOf(delimiter, Math.max(0, seen - delimiter.length + 1));
  while (at !== -1) {
    end = at + delimiter.length;
    at = bytes.indexOf(delimiter, end);
  }
  return end;
}

function batchOfPiece(piece: Buffer, delimiter: Uint8Array | undefined): Batch {
  if (delimiter === undefined) return batchOfLines(piece, { exact: true });
  const messages: Buffer[] = [];
  for (let start = 0; start < piece.length; ) {
    const found = piece.indexOf(delimiter, start);
    const end = found === -1 ? piece.length : found;
    messages.push(piece.subarray(start, end));
    start = end + delimiter.length;
  }
  return batchOf(messages);
}

/** The messages in front of the first that is too long. */
function upTo(batch: Batch, mostBytes: number): Batch | undefined {
  const messages: Uint8Array[] = [];
  for (const message of messagesOf(batch.records)) {
    if (message.length > mostBytes) break;
    messages.push(message);
  }
  return messages.length === 0 ? undefined : batchOf(messages);
}

function tooLong(given: number, { mostBytes, name, delimiter }: SplitOptions): RoteraError {
  const what = delimiter === undefined ? 'line' : 'piece';
  const place = given === 0 ? `The first ${what}` : `The ${what} after the first ${countedText(given, 'message')}`;
  const where = `${place} of ${name}`;
  const text = `${where} is longer than ${mostBytes} bytes, the most that a message of this queue may have.`;
  return new RoteraError('message_too_large', text, { messages: given, maxMessageBytes: mostBytes });
}

/** `\n`, `\t`, `\r`, `\0`, `\\` and `\xHH` in an option stand for the bytes. @throws `bad_parameter` when nothing is left */
export function parseDelimiter(text: string): Uint8Array {
  const unknown = /(?:[^\\]|^)(?:\\\\)*(\\(?!x[0-9a-fA-F]{2}|[ntr0\\]).?)/su.exec(text)?.[1];
  if (unknown !== undefined) {
    const accepted = '\\n, \\t, \\r, \\0, \\xHH and \\\\';
    const reason = `--delimiter ${text}: ${unknown} is no escape; accepted: ${accepted}.`;
    throw new RoteraError('bad_parameter', reason, { parameter: 'delimiter', value: text, accepted });
  }
  const named: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '0': '\0', '\\': '\\' };
  const bytes = Buffer.concat(
    [...text.matchAll(/\\x([0-9a-fA-F]{2})|\\([ntr0\\])|(.)/gsu)].map(([, hex, name, char]) =>
      hex === undefined
        ? Buffer.from(name === undefined ? (char ?? '') : (named[name] ?? ''))
        : Buffer.from(hex, 'hex'),
    ),
  );
  if (bytes.length > 0) return bytes;
  throw new RoteraError('bad_parameter', '--delimiter is empty; give a text such as ", " or an escape such as \\0.');
}
