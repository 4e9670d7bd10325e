/**
 * The shapes of the API's answers as JSON Schema: those of `answers.ts`, for `openapi.ts`.
 */
import { errorCodes } from '../errors.js';

export type Schema = Readonly<Record<string, unknown>>;

const string = { type: 'string' } as const;
const boolean = { type: 'boolean' } as const;
const time = { type: 'string', format: 'date-time' } as const;
const count = { type: 'integer', minimum: 0 } as const;
const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] });
export const refer = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** An object with all of these members, and perhaps some more. */
const object = (properties: Readonly<Record<string, Schema>>, optional: Readonly<Record<string, Schema>> = {}) => ({
  type: 'object',
  properties: { ...properties, ...optional },
  required: Object.keys(properties),
});

const counts = (...names: readonly string[]): Record<string, Schema> =>
  Object.fromEntries(names.map((name) => [name, count]));

const stat = {
  queue: string,
  epoch: string,
  createdAt: time,
  ...counts('maxMessages', 'maxBytes'),
  maxAgeSeconds: orNull(count),
  ...counts('maxMessageBytes'),
  reserve: boolean,
  ...counts('oldest', 'next', 'count', 'bytes'),
  oldestTime: orNull(time),
  newestTime: orNull(time),
  file: object(counts('bytes', 'limit')),
  rotated: object(counts('messages', 'byCount', 'byBytes', 'byAge', 'byRoom')),
  ...counts('tails'),
  state: { enum: ['ok', 'read_only'] },
  stateReason: orNull(string),
} as const;

/** By the names that {@link refer} takes. */
export const schemas: Readonly<Record<string, Schema>> = {
  Pushed: object({ queue: string, epoch: string, first: orNull(count), next: orNull(count), duplicate: boolean }),
  Message: object({ id: count, time, data: string }, { encoding: { const: 'base64' } }),
  Gap: object({
    ...counts('from', 'to'),
    count: orNull(count),
    reason: { enum: ['rotated', 'recreated', 'damaged'] },
  }),
  Read: object({
    queue: string,
    epoch: string,
    ...counts('first', 'next', 'oldest'),
    upToDate: boolean,
    gap: orNull(refer('Gap')),
    messages: { type: 'array', items: refer('Message') },
  }),
  Cursor: object({
    ...counts('position', 'lag'),
    headroom: object({ messages: count, seconds: orNull({ type: 'number', minimum: 0 }) }),
    missed: count,
    updatedAt: time,
  }),
  Stat: object(stat),
  Queue: object({ ...stat, cursors: { type: 'object', additionalProperties: refer('Cursor') } }),
  Unreadable: object({ queue: string, state: { const: 'unreadable' }, stateReason: string }),
  List: object({ queues: { type: 'array', items: { oneOf: [refer('Stat'), refer('Unreadable')] } } }),
  Problem: object({
    type: string,
    title: string,
    status: { type: 'integer', minimum: 400, maximum: 599 },
    code: { enum: errorCodes },
    detail: string,
    retryable: boolean,
  }),
};
