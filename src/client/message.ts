/**
 * Messages as the client gives them out.
 */
import { messagesOf } from '../batch.js';
import type { GapBody, MessageBody } from '../protocol/answers.js';

/** A mark in front is a part of the message, as a JSON read tells it. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const unmarked = new TextDecoder();

/** One message of a queue. */
export class Message {
  constructor(
    readonly id: number,
    /** When it was committed: ms since the epoch, never less than that of the message before. */
    readonly time: number,
    /** The bytes that were pushed. A view: copy it to keep it without the rest of its batch. */
    readonly data: Uint8Array,
  ) {}

  /** `data` as UTF-8, with U+FFFD for what is not. */
  get text(): string {
    return decoder.decode(this.data);
  }

  /** `data` as JSON. @throws SyntaxError when it is none */
  json<T = unknown>(): T {
    return JSON.parse(unmarked.decode(this.data)) as T;
  }
}

/** Ids asked for that are no more: `[from, to)`. With reason `recreated` the queue was made anew: ids begin again. */
export type Gap = GapBody;

/** A run of messages, all durable, in order, without a hole but the gap in front. */
export interface MessageBatch {
  readonly queue: string;
  readonly epoch: string;
  /** Id of the first message, or where it would have been. */
  readonly first: number;
  /** Where the next batch begins. */
  readonly next: number;
  /** What is missing in front of `first`, or null. */
  readonly gap: Gap | null;
  /** Whether nothing lay behind `next` when this was read. */
  readonly upToDate: boolean;
  readonly messages: readonly Message[];
}

/** The messages of a JSON answer or frame. */
export const messagesOfBodies = (bodies: readonly MessageBody[]): Message[] =>
  bodies.map(({ id, time, data, encoding }) => new Message(id, Date.parse(time), bytesOf(data, encoding)));

/** The messages of verified records that were committed together. */
export function messagesOfRecords(records: Uint8Array, first: number, time: number): Message[] {
  const messages: Message[] = [];
  for (const data of messagesOf(records)) messages.push(new Message(first + messages.length, time, data));
  return messages;
}

const encoder = new TextEncoder();

function bytesOf(data: string, encoding: MessageBody['encoding']): Uint8Array {
  return encoding === undefined ? encoder.encode(data) : Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
}

/** What can be pushed as one message: text is sent as UTF-8. */
export type Pushable = string | Uint8Array;

export const bytesOfPushable = (message: Pushable): Uint8Array =>
  typeof message === 'string' ? encoder.encode(message) : message;
