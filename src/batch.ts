/**
 * A batch: messages back to back, each `u32 little-endian length | bytes`.
 *
 * This one form is what a binary push carries, what a block of a rot file holds and what a binary read sends, so that
 * nothing has to be re-encoded per message on the way. Runs in browsers as well: no Node-only import.
 */
import { RoteraError } from './errors.js';

/** Bytes in front of every message of a batch. */
export const RECORD_HEADER_BYTES = 4;
/** Most messages one push may carry (2^20): bounds the time one push can hold the event loop. */
export const MAX_BATCH_MESSAGES = 1_048_576;
/** No message may ever be longer than this (16 MiB), whatever a queue's own `maxMessageBytes` says. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Records whose framing has been verified. */
export interface Batch {
  /** `u32le length | bytes`, back to back. Owned by the batch: never changed after. */
  readonly records: Uint8Array;
  /** Number of messages, at least 1. */
  readonly count: number;
  /** Payload bytes: the sum of the message lengths. */
  readonly bytes: number;
  /** Length in bytes of the longest message. */
  readonly longest: number;
}

/** The length field of the record at `offset`; the caller knows that 4 bytes are there. */
export const recordLength = (records: Uint8Array, offset: number): number =>
  ((records[offset] as number) |
    ((records[offset + 1] as number) << 8) |
    ((records[offset + 2] as number) << 16) |
    ((records[offset + 3] as number) << 24)) >>>
  0;

function writeLength(records: Uint8Array, offset: number, length: number): void {
  records[offset] = length;
  records[offset + 1] = length >>> 8;
  records[offset + 2] = length >>> 16;
  records[offset + 3] = length >>> 24;
}

/**
 * Verifies the framing of bytes that came from outside.
 * @throws `empty_batch` when there is no record, `malformed_batch` when a record is cut short,
 * `push_too_large` beyond {@link MAX_BATCH_MESSAGES}.
 */
export function parseBatch(records: Uint8Array): Batch {
  const end = records.length;
  let count = 0;
  let longest = 0;
  let offset = 0;
  while (offset < end) {
    const length = end - offset < RECORD_HEADER_BYTES ? Number.POSITIVE_INFINITY : recordLength(records, offset);
    if (length > end - offset - RECORD_HEADER_BYTES) {
      throw new RoteraError(
        'malformed_batch',
        `The record at byte ${offset} is cut short: a record is a 4-byte little-endian length and that many bytes.`,
        { offset },
      );
    }
    if (length > longest) longest = length;
    offset += RECORD_HEADER_BYTES + length;
    count++;
  }
  return checked({ records, count, bytes: end - count * RECORD_HEADER_BYTES, longest });
}

/** One batch of the given messages, copied. @throws as {@link parseBatch}. */
export function batchOf(messages: readonly Uint8Array[]): Batch {
  let bytes = 0;
  let longest = 0;
  for (const message of messages) {
    bytes += message.length;
    if (message.length > longest) longest = message.length;
  }
  const records = new Uint8Array(bytes + messages.length * RECORD_HEADER_BYTES);
  let offset = 0;
  for (const message of messages) {
    writeLength(records, offset, message.length);
    records.set(message, offset + RECORD_HEADER_BYTES);
    offset += RECORD_HEADER_BYTES + message.length;
  }
  return checked({ records, count: messages.length, bytes, longest });
}

export interface LineOptions {
  /** Keeps a `\r` in front of the newline, and empty lines as empty messages, so that the lines can be had back as they were. */
  readonly exact?: boolean;
}

/**
 * One message a line: the bytes as they are, without the `\n` or `\r\n`; blank lines are skipped.
 * @throws as {@link parseBatch}.
 */
export function batchOfLines(body: Uint8Array, { exact = false }: LineOptions = {}): Batch {
  const NEWLINE = 10;
  const RETURN = 13;
  // A line gives up its newline and gains a length: 3 bytes more each, 4 for a last line without one.
  let lines = 1;
  for (let at = body.indexOf(NEWLINE); at !== -1; at = body.indexOf(NEWLINE, at + 1)) lines++;
  const records = new Uint8Array(body.length + lines * RECORD_HEADER_BYTES);
  let count = 0;
  let longest = 0;
  let offset = 0;
  for (let start = 0; start < body.length; ) {
    const newline = body.indexOf(NEWLINE, start);
    const end = newline === -1 ? body.length : newline;
    const length = !exact && end > start && body[end - 1] === RETURN ? end - start - 1 : end - start;
    if (length > 0 || exact) {
      writeLength(records, offset, length);
      records.set(body.subarray(start, start + length), offset + RECORD_HEADER_BYTES);
      offset += RECORD_HEADER_BYTES + length;
      count++;
      if (length > longest) longest = length;
    }
    start = end + 1;
  }
  return checked({ records: records.subarray(0, offset), count, bytes: offset - count * RECORD_HEADER_BYTES, longest });
}

function checked(batch: Batch): Batch {
  if (batch.count === 0) throw new RoteraError('empty_batch', 'The batch holds no message.');
  if (batch.count > MAX_BATCH_MESSAGES) {
    throw new RoteraError(
      'push_too_large',
      `${batch.count} messages in one push; at most ${MAX_BATCH_MESSAGES} are accepted: send several pushes.`,
    );
  }
  return batch;
}

/**
 * The same messages in order, in batches of at most so many messages and payload bytes; a message that is longer makes a
 * batch of its own. Nothing is copied.
 */
export function* cutBatch(batch: Batch, maxMessages: number, maxBytes: number): Generator<Batch> {
  if (batch.count <= maxMessages && batch.bytes <= maxBytes) {
    yield batch;
    return;
  }
  let start = 0;
  let piece = { count: 0, bytes: 0, longest: 0 };
  for (let at = 0; at < batch.records.length; ) {
    const length = recordLength(batch.records, at);
    if (piece.count > 0 && (piece.count === maxMessages || piece.bytes + length > maxBytes)) {
      yield { ...piece, records: batch.records.subarray(start, at) };
      start = at;
      piece = { count: 0, bytes: 0, longest: 0 };
    }
    piece = {
      count: piece.count + 1,
      bytes: piece.bytes + length,
      longest: Math.max(piece.longest, length),
    };
    at += RECORD_HEADER_BYTES + length;
  }
  yield { ...piece, records: batch.records.subarray(start) };
}

/** The messages of verified records, in order, as views (not copies). */
export function* messagesOf(records: Uint8Array): Generator<Uint8Array> {
  for (let offset = 0; offset < records.length; ) {
    const start = offset + RECORD_HEADER_BYTES;
    offset = start + recordLength(records, offset);
    yield records.subarray(start, offset);
  }
}

/** The offset behind the next `count` records from `offset` on, within verified records. */
export function skipRecords(records: Uint8Array, offset: number, count: number): number {
  let at = offset;
  for (let left = count; left > 0; left--) at += RECORD_HEADER_BYTES + recordLength(records, at);
  return at;
}
