/**
 * Messages as text: JSON objects `{"id","time","data"}`, for answers, lines, frames and events.
 */
import { isUtf8 } from 'node:buffer';
import { messagesOf } from '../batch.js';
import type { Slice } from '../queue/block.js';
import type { ReadResult } from '../queue/read.js';

/** RFC 3339. */
export const timeText = (ms: number): string => new Date(ms).toISOString();

/** `data` is a string when the bytes are valid UTF-8, else base64 with `encoding`. */
function dataMembers(message: Uint8Array): string {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  if (isUtf8(bytes)) return `"data":${JSON.stringify(bytes.toString())}`;
  return `"data":"${bytes.toString('base64')}","encoding":"base64"`;
}

/** Each message of a slice as one JSON object, in order, with its id. */
export function* messageTexts(slice: Slice): Generator<{ id: number; text: string }> {
  const time = timeText(slice.time);
  let id = slice.first;
  for (const message of messagesOf(slice.records)) {
    yield { id, text: `{"id":${id},"time":"${time}",${dataMembers(message)}}` };
    id++;
  }
}

function texts(result: ReadResult): string[] {
  const all: string[] = [];
  for (const slice of result.slices) for (const { text } of messageTexts(slice)) all.push(text);
  return all;
}

/** The messages as a JSON array. */
export const messagesArray = (result: ReadResult): string => `[${texts(result).join(',')}]`;

/** The messages one a line. */
export const messagesLines = (result: ReadResult): string =>
  texts(result)
    .map((text) => `${text}\n`)
    .join('');

/** The messages as a batch: the stored bytes themselves. */
export const messagesBatch = (result: ReadResult): Buffer =>
  result.slices.length === 1 ? result.slices[0]!.records : Buffer.concat(result.slices.map((slice) => slice.records));

const FRAME_HEADER_BYTES = 24;

/** What stands before the records in a binary frame: `u64le first | u64le time, ms | u32le count | u32le 0`. */
export function batchHeader({ first, count, time }: Slice): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeBigUInt64LE(BigInt(first), 0);
  header.writeBigUInt64LE(BigInt(time), 8);
  header.writeUInt32LE(count, 16);
  return header;
}

/** The JSON answer of a read. */
export function readText(queue: string, result: ReadResult): string {
  const { epoch, first, next, oldest, upToDate, gap } = result;
  const head = JSON.stringify({ queue, epoch, first, next, oldest, upToDate, gap });
  return `${head.slice(0, -1)},"messages":${messagesArray(result)}}`;
}
