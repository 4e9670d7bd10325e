/**
 * The wire contract's words: media types, headers, parameters with their bounds.
 */
import { MAX_MESSAGE_BYTES } from '../batch.js';
import { epochParameter, flag, fromParameter, integer, nullable, oneOf, text } from './parameters.js';

export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = 8245;

export const JSON_TYPE = 'application/json';
export const NDJSON_TYPE = 'application/x-ndjson';
export const BATCH_TYPE = 'application/vnd.rotera.batch';
export const EVENT_STREAM_TYPE = 'text/event-stream';

/** Subprotocols of the sockets. Without one, the first is spoken. */
export const TEXT_PROTOCOL = 'rotera.v1';
export const BATCH_PROTOCOL = 'rotera.batch.v1';
/** Prefix of the subprotocol by which a browser passes its token, base64url behind it. */
export const TOKEN_PROTOCOL = 'rotera.token.';

/** Largest body of a push, and largest frame: one message of 16 MiB with room for framing, or a batch. */
export const MAX_PUSH_BYTES = 17 * 1024 * 1024;

/** What a server bounds unless it is told otherwise. The most tails: of the server, and with one token. */
export const SERVER_LIMITS = {
  maxPushBytes: MAX_PUSH_BYTES,
  maxConnections: 20_000,
  maxTails: 10_000,
  maxTailsPerToken: 2_000,
} as const;

/** The five operations, which are what a token can allow. */
export const VERBS = ['create', 'push', 'read', 'tail', 'stat'] as const;
export type Verb = (typeof VERBS)[number];

const MOST = 2 ** 50;
const anyId = integer(0, Number.MAX_SAFE_INTEGER);
/** Queues and cursors. */
export const nameParameter = text(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/,
  'a name of letters, digits, ".", "_" and "-", at most 128',
);
/** A producer's name may be longer words. */
const producerName = text(/^[\x21-\x7e]{1,128}$/, '1 to 128 printable ASCII characters without spaces');

/** Fields of a create. */
export const createFields = {
  maxMessages: integer(1, MOST),
  maxBytes: integer(1, MOST),
  maxAgeSeconds: nullable(integer(1, 2 ** 32)),
  maxMessageBytes: integer(1, MAX_MESSAGE_BYTES),
  reserve: flag,
} as const;

/** Headers of an idempotent push: all or none. */
export const producerHeaders = {
  'Producer-Id': producerName,
  'Producer-Epoch': anyId,
  'Producer-Seq': anyId,
} as const;

/** The same for a socket of pushes; the seq is that of the first frame. */
export const pushSocketParameters = { producerId: producerName, producerEpoch: anyId, producerSeq: anyId } as const;

/** Most messages of one answer, by its form. */
export const MAX_READ_LIMIT = { [JSON_TYPE]: 10_000, [NDJSON_TYPE]: 100_000, [BATCH_TYPE]: 1_000_000 } as const;
export const DEFAULT_READ_LIMIT = 100;
export const DEFAULT_READ_BYTES = 1024 * 1024;
/** Longest long poll, in seconds. */
const MAX_WAIT_SECONDS = 60;

const gap = oneOf('ok', 'fail');

export const readParameters = {
  from: fromParameter,
  to: anyId,
  limit: integer(1, MAX_READ_LIMIT[BATCH_TYPE]),
  maxBytes: integer(1, MAX_MESSAGE_BYTES),
  wait: integer(0, MAX_WAIT_SECONDS),
  gap,
  epoch: epochParameter,
  cursor: nameParameter,
  ack: anyId,
  move: flag,
} as const;

export const messageParameters = { epoch: epochParameter } as const;

/** Unacknowledged messages that a tail with a cursor may have under way. */
export const DEFAULT_WINDOW = 1000;

export const tailParameters = {
  from: fromParameter,
  gap,
  epoch: epochParameter,
  cursor: nameParameter,
  move: flag,
  window: integer(1, 1_000_000),
  last_event_id: text(/^[\x21-\x7e]{1,200}$/, 'EPOCH:ID or ID'),
  lastEventId: text(/^[\x21-\x7e]{1,200}$/, 'EPOCH:ID or ID'),
} as const;
