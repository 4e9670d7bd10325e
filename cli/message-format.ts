/**
 * Messages as lines of output.
 */
import { isUtf8 } from 'node:buffer';
import type { Gap, Message } from '../src/client/node.js';
import { RoteraError } from '../src/errors.js';
import type { MessageBody } from '../src/protocol/answers.js';
import { countedText } from './units.js';

export const FORMATS = ['raw', 'ids', 'json'] as const;
export type Format = (typeof FORMATS)[number];

/** @throws `bad_parameter` */
export function parseFormat(text: string): Format {
  const format = FORMATS.find((one) => one === text);
  if (format !== undefined) return format;
  const accepted = FORMATS.join(', ');
  const details = { parameter: 'format', value: text, accepted };
  throw new RoteraError('bad_parameter', `--format ${text} is not known; accepted: ${accepted}.`, details);
}

const NEWLINE = Buffer.from('\n');

/** What a message needs for a line; `time` only for JSON. */
export type Line = Pick<Message, 'id' | 'data'> & { readonly time?: number };

/**
 * One line for each message: its bytes (`raw`), with its id and a tab in front (`ids`), or as the API gives it (`json`).
 * @param forTerminal shows control characters instead of sending them: a message must not be able to drive the terminal
 */
export function formatMessages(messages: Iterable<Line>, format: Format, forTerminal: boolean): Buffer {
  const parts: Uint8Array[] = [];
  for (const message of messages) {
    if (format === 'json') parts.push(Buffer.from(messageJson(message)), NEWLINE);
    else {
      if (format === 'ids') parts.push(Buffer.from(`${message.id}\t`));
      parts.push(forTerminal ? Buffer.from(visible(message.data)) : message.data, NEWLINE);
    }
  }
  return Buffer.concat(parts);
}

function messageJson({ id, time = 0, data }: Line): string {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const shared = { id, time: new Date(time).toISOString() };
  const body: MessageBody = isUtf8(bytes)
    ? { ...shared, data: bytes.toString() }
    : { ...shared, data: bytes.toString('base64'), encoding: 'base64' };
  return JSON.stringify(body);
}

/** Text with its control characters, but tabs and newlines, written as `\x1b`. */
const visible = (data: Uint8Array): string =>
  new TextDecoder().decode(data).replace(/[^\P{Cc}\t\n]/gu, (char) => {
    const code = char.charCodeAt(0);
    return `\\x${code.toString(16).padStart(2, '0')}`;
  });

/** A gap whose reason may be unknown. */
export type AnyGap = Pick<Gap, 'from' | 'to' | 'count'> & Partial<Gap>;

/** What is said when a range is no longer whole. */
export function gapText({ from, to, count, reason }: AnyGap): string {
  if (reason === 'recreated') return 'the queue was made anew: ids begin again';
  const why = reason === undefined ? '' : ` (${reason})`;
  const gone = count ?? to - from;
  return `${countedText(gone, 'message')} ${gone === 1 ? 'is' : 'are'} gone: ids ${from} to ${to - 1}${why}`;
}
