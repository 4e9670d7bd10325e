/**
 * What both entries of the package's client export.
 */
export type { Batch } from '../batch.js';
export { batchOf, messagesOf } from '../batch.js';
export { type ErrorCode, isRoteraError, RoteraError } from '../errors.js';
export type { CursorBody, ListBody, PushBody, QueueBody, StatBody } from '../protocol/answers.js';
export { type CreateLimits, RoteraClient } from './client.js';
export { type CallOptions, type ConnectOptions, DEFAULT_URL } from './http.js';
export { type Gap, Message, type MessageBatch, type Pushable } from './message.js';
export { newProducer, type Producer } from './producers.js';
export type { PushOptions } from './push.js';
export type { Streamable, StreamOptions, StreamResult } from './push-stream.js';
export type { ReadOptions, RecordBatch } from './read.js';
export type { TailBatch, TailOptions } from './tail.js';
