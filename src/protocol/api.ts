/**
 * The wire contract's words: media types, headers, parameters with their bounds.
 */
import { MAX_MESSAGE_BYTES } from '../batch.js';
import { flag, fromParameter, integer, nullable } from './parameters.js';

export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = 8245;

export const JSON_TYPE = 'application/json';
export const NDJSON_TYPE = 'application/x-ndjson';
export const BATCH_TYPE = 'application/vnd.rotera.batch';
export const EVENT_STREAM_TYPE = 'text/event-stream';

/** Largest body of a push: one message of 16 MiB with room for framing, or a batch. */
export const MAX_PUSH_BYTES = 17 * 1024 * 1024;

const MOST = 2 ** 50;

/** Fields of a create. */
export const createFields = {
  maxMessages: integer(1, MOST),
  maxBytes: integer(1, MOST),
  maxAgeSeconds: nullable(integer(1, 2 ** 32)),
  maxMessageBytes: integer(1, MAX_MESSAGE_BYTES),
  reserve: flag,
} as const;

/** Most messages of one answer, by its form. */
export const MAX_READ_LIMIT = { [JSON_TYPE]: 10_000, [NDJSON_TYPE]: 100_000, [BATCH_TYPE]: 1_000_000 } as const;
export const DEFAULT_READ_LIMIT = 100;
export const DEFAULT_READ_BYTES = 1024 * 1024;
/** Longest long poll, in seconds. */
export const MAX_WAIT_SECONDS = 60;

export const readParameters = {
  from: fromParameter,
  to: integer(0, Number.MAX_SAFE_INTEGER),
  limit: integer(1, MAX_READ_LIMIT[BATCH_TYPE]),
  maxBytes: integer(1, MAX_MESSAGE_BYTES),
  wait: integer(0, MAX_WAIT_SECONDS),
} as const;

export const tailParameters = { from: fromParameter } as const;
