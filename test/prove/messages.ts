/**
 * Messages that say who pushed them and in which place, so that one that is lost, doubled, altered or out of order shows.
 *
 * ```
 * u32 checksum of the rest | u32 sequence | u32 length | u16 life | u16 writer | u16 index | u16 of | pseudo-random bytes
 * ```
 */
import { crc32 } from 'node:zlib';
import { Random } from './random.js';

/** The shortest message, in bytes. */
export const SHORTEST = 20;
/** The longest message, in bytes. */
export const LONGEST = 1024 * 1024;

/** What a message says of itself. */
export interface Label {
  /** The run of the process that pushed it. */
  readonly life: number;
  /** The writer within that process; below 2^16. */
  readonly writer: number;
  /** How many messages this writer pushed before it to the same queue. */
  readonly sequence: number;
  /** Its place in its batch. */
  readonly index: number;
  /** Messages in its batch; below 2^16. */
  readonly of: number;
}

const pool = Buffer.alloc(2 * LONGEST);
const random = new Random(1);
for (let at = 0; at < pool.length; at += 4) pool.writeUInt32LE(random.next(), at);

function bodyOf({ life, writer, sequence }: Label, bytes: number): Buffer {
  const start = new Random(life * 65_536 + writer).fork(sequence).below(LONGEST);
  return pool.subarray(start, start + bytes);
}

/** The message of this label and length in bytes, from {@link SHORTEST} to {@link LONGEST}. */
export function messageOf(label: Label, length: number): Buffer {
  const message = Buffer.allocUnsafe(length);
  message.writeUInt32LE(label.sequence, 4);
  message.writeUInt32LE(length, 8);
  message.writeUInt16LE(label.life, 12);
  message.writeUInt16LE(label.writer, 14);
  message.writeUInt16LE(label.index, 16);
  message.writeUInt16LE(label.of, 18);
  bodyOf(label, length - SHORTEST).copy(message, SHORTEST);
  message.writeUInt32LE(crc32(message.subarray(4)), 0);
  return message;
}

/** The label of a message, or undefined when a byte of it is not as it was pushed. */
export function labelOf(bytes: Uint8Array): Label | undefined {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (message.length < SHORTEST || message.length > LONGEST) return undefined;
  const label = {
    sequence: message.readUInt32LE(4),
    life: message.readUInt16LE(12),
    writer: message.readUInt16LE(14),
    index: message.readUInt16LE(16),
    of: message.readUInt16LE(18),
  };
  const whole =
    message.readUInt32LE(8) === message.length &&
    message.readUInt32LE(0) === crc32(message.subarray(4)) &&
    bodyOf(label, message.length - SHORTEST).equals(message.subarray(SHORTEST));
  return whole ? label : undefined;
}
