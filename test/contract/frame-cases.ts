/**
 * Frames that a client may and may not send (RFC 6455, sections 5 and 7), each with what must come of them on a socket of pushes.
 */
import { closeFrame, type FrameOptions, frame, OPCODE } from '../support/raw-frames.js';

export interface FrameCase {
  readonly name: string;
  readonly bytes: readonly Buffer[];
  /** The close code that is answered; undefined when the socket stays open. */
  readonly close?: number;
  /** Messages that it stores. */
  readonly stores?: readonly string[];
  /** Payloads of the pongs that are answered. */
  readonly pongs?: readonly string[];
  /** Whether a whole message is refused: it is empty. */
  readonly isRefused?: boolean;
}

/** The largest frame of the server under test; bytes. */
export const MAX_BYTES = 200_000;
const PROTOCOL_ERROR = 1002;
const NOT_TEXT = 1007;
const TOO_LARGE = 1009;
const MANY = 1008;
/** Most fragments that a server takes for one message. */
const MAX_FRAGMENTS = 100_000;
const { continuation, text, binary, close, ping, pong } = OPCODE;

const stored = (name: string, bytes: readonly Buffer[], ...stores: string[]): FrameCase => ({ name, bytes, stores });
const closed = (name: string, code: number, ...bytes: Buffer[]): FrameCase => ({ name, bytes, close: code });
const open: FrameOptions = { fin: false };
const first = (payload: string | Buffer, opcode: number = text): Buffer => frame(opcode, payload, open);
const middle = (payload: string | Buffer): Buffer => frame(continuation, payload, open);
const last = (payload: string | Buffer): Buffer => frame(continuation, payload);
/** The same in single bytes, each sent by itself. */
const bytewise = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]));

const MESSAGES: readonly FrameCase[] = [
  stored('a text', [frame(text, 'a')], 'a'),
  stored('bytes', [frame(binary, Buffer.from([0, 255, 13, 10]))], '\0ÿ\r\n'),
  { name: 'an empty text', bytes: [frame(text)], isRefused: true },
  { name: 'empty bytes', bytes: [frame(binary)], isRefused: true },
  ...[125, 126, 127, 65_535, 65_536, MAX_BYTES].map((length) => {
    const payload = 'x'.repeat(length);
    return stored(`${length} bytes`, [frame(binary, payload)], payload);
  }),
  stored('a length in more bits than it needs', [frame(text, 'a', { lengthBits: 16 })], 'a'),
  stored('a length in far more bits than it needs', [frame(text, 'a', { lengthBits: 64 })], 'a'),
  stored('a mask of zeros', [frame(text, 'a', { mask: Buffer.alloc(4) })], 'a'),
  stored('two in one piece', [Buffer.concat([frame(text, 'a'), frame(text, 'b')])], 'a', 'b'),
  stored('byte by byte', bytewise(frame(text, 'abc')), 'abc'),
  stored('in two fragments', [first('a'), last('b')], 'ab'),
  stored('bytes in two fragments', [first('a', binary), last('b')], 'ab'),
  stored(
    'in a hundred fragments',
    [first('a'), ...Array.from({ length: 98 }, () => middle('b')), last('c')],
    `a${'b'.repeat(98)}c`,
  ),
  stored('in fragments of which some are empty', [first(''), middle('a'), middle(''), last('')], 'a'),
  { name: 'in empty fragments only', bytes: [first(''), middle(''), last('')], isRefused: true },
  stored(
    'characters cut by fragments',
    [first(Buffer.from([0xe2])), middle(Buffer.from([0x82])), last(Buffer.from([0xac]))],
    'â\x82¬',
  ),
  stored('the last character that there is', [frame(text, '\u{10ffff}')], 'ô\x8f¿¿'),
  stored('a character that is none', [frame(text, '\uffff')], 'ï¿¿'),
  stored('text with a NUL', [frame(text, 'a\0b')], 'a\0b'),
  { ...stored('a ping between fragments', [first('a'), frame(ping, 'p'), last('b')], 'ab'), pongs: ['p'] },
  stored('a pong between fragments', [first('a'), frame(pong, 'p'), last('b')], 'ab'),
];

const CONTROL: readonly FrameCase[] = [
  { name: 'a ping', bytes: [frame(ping)], pongs: [''] },
  { name: 'a ping with 125 bytes', bytes: [frame(ping, 'p'.repeat(125))], pongs: ['p'.repeat(125)] },
  { name: 'a ping with any bytes', bytes: [frame(ping, Buffer.from([0, 255]))], pongs: ['\0ÿ'] },
  { name: 'pings byte by byte', bytes: [...'abc'].flatMap((p) => bytewise(frame(ping, p))), pongs: ['a', 'b', 'c'] },
  { name: 'a pong that nobody asked for', bytes: [frame(pong, 'p')] },
  ...[ping, pong, close].flatMap((opcode) => [
    closed(`a fragment of opcode ${opcode}`, PROTOCOL_ERROR, frame(opcode, '', open)),
    closed(`126 bytes of opcode ${opcode}`, PROTOCOL_ERROR, frame(opcode, 'x'.repeat(126))),
  ]),
];

const NO_MASK: FrameOptions = { mask: undefined };
const FORMS: readonly FrameCase[] = [
  ...[text, binary, close, ping, pong].map((opcode) =>
    closed(`no mask, opcode ${opcode}`, PROTOCOL_ERROR, frame(opcode, '', NO_MASK)),
  ),
  closed('no mask behind a good fragment', PROTOCOL_ERROR, first('a'), frame(continuation, 'b', NO_MASK)),
  ...[1, 2, 3, 4, 5, 6, 7].map((rsv) => closed(`reserved bits ${rsv}`, PROTOCOL_ERROR, frame(text, 'a', { rsv }))),
  closed('a reserved bit of a ping', PROTOCOL_ERROR, frame(ping, '', { rsv: 4 })),
  closed('a reserved bit of a close', PROTOCOL_ERROR, frame(close, '', { rsv: 4 })),
  closed('a reserved bit of a continuation', PROTOCOL_ERROR, first('a'), frame(continuation, 'b', { rsv: 4 })),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
    closed(`opcode ${opcode}`, PROTOCOL_ERROR, frame(opcode, 'a')),
  ),
  closed('a continuation of nothing', PROTOCOL_ERROR, last('a')),
  closed('an open continuation of nothing', PROTOCOL_ERROR, middle('a')),
  closed('a text within another', PROTOCOL_ERROR, first('a'), frame(text, 'b')),
  closed('bytes within a text', PROTOCOL_ERROR, first('a'), frame(binary, 'b')),
  closed('a second beginning', PROTOCOL_ERROR, first('a'), first('b')),
  { ...closed('a continuation behind a whole message', PROTOCOL_ERROR, frame(text, 'a'), last('b')), stores: ['a'] },
  {
    ...closed('nonsense behind a whole message', PROTOCOL_ERROR, frame(text, 'a'), Buffer.alloc(10, 0xff)),
    stores: ['a'],
  },
  closed('one byte too many', TOO_LARGE, frame(binary, 'x'.repeat(MAX_BYTES + 1))),
  closed('one byte too many is claimed', TOO_LARGE, frame(binary, '', { length: BigInt(MAX_BYTES + 1) })),
  closed('16 EiB are claimed', TOO_LARGE, frame(binary, '', { length: 2n ** 63n - 1n })),
  closed('the first bit of the length is set', TOO_LARGE, frame(binary, '', { length: 2n ** 63n })),
  closed('too many fragments', MANY, Buffer.concat([first(''), ...Array(MAX_FRAGMENTS).fill(middle(''))])),
  closed('fragments that are too large together', TOO_LARGE, first('x'.repeat(MAX_BYTES)), last('x')),
];

const NOT_UTF8: ReadonlyArray<readonly [name: string, bytes: number[]]> = [
  ['a byte that never is', [0xff]],
  ['a continuation byte alone', [0x61, 0x80]],
  ['a character cut short', [0x61, 0xe2, 0x82]],
  ['a NUL in two bytes', [0xc0, 0x80]],
  ['a slash in two bytes', [0xc0, 0xaf]],
  ['a slash in three bytes', [0xe0, 0x80, 0xaf]],
  ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ['both halves of a surrogate pair', [0xed, 0xa0, 0x80, 0xed, 0xb0, 0x80]],
  ['beyond the last character', [0xf4, 0x90, 0x80, 0x80]],
  ['five bytes', [0xf8, 0x88, 0x80, 0x80, 0x80]],
];
const TEXTS: readonly FrameCase[] = [
  ...NOT_UTF8.map(([name, bytes]) => closed(`no UTF-8: ${name}`, NOT_TEXT, frame(text, Buffer.from(bytes)))),
  closed('no UTF-8 in a later fragment', NOT_TEXT, first('a'), last(Buffer.from([0xff]))),
  stored('what is no UTF-8, as bytes', [frame(binary, Buffer.from([0xff]))], 'ÿ'),
];

const CLOSES: readonly FrameCase[] = [
  closed('a close without a code', 1005, frame(close)),
  closed('a close with half a code', PROTOCOL_ERROR, frame(close, 'x')),
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map((code) =>
    closed(`a close with ${code}`, code, closeFrame(code)),
  ),
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map((code) =>
    closed(`a close with ${code}, which is no code`, PROTOCOL_ERROR, closeFrame(code)),
  ),
  closed('a close with a reason', 1000, closeFrame(1000, 'done')),
  closed('a close with the longest reason', 1000, closeFrame(1000, 'x'.repeat(123))),
  closed('a close with a reason that is no UTF-8', NOT_TEXT, closeFrame(1000, Buffer.from([0xff]))),
  closed('a message behind a close', 1000, Buffer.concat([closeFrame(1000), frame(text, 'late')])),
  closed('a ping behind a close', 1000, Buffer.concat([closeFrame(1000), frame(ping, 'late')])),
  closed('a close within a message', 1000, first('a'), closeFrame(1000)),
  closed('a close behind a close', 1000, Buffer.concat([closeFrame(1000), closeFrame(1001)])),
  { ...closed('a close behind a message', 1000, frame(text, 'a'), closeFrame(1000)), stores: ['a'] },
];

export const FRAMES: Readonly<Record<string, readonly FrameCase[]>> = {
  messages: MESSAGES,
  'control frames': CONTROL,
  forms: FORMS,
  texts: TEXTS,
  closes: CLOSES,
};
