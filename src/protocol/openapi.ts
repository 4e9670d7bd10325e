/**
 * The API as an OpenAPI document (https://spec.openapis.org/oas/v3.1.1), made from the parameters that requests are checked
 * against. What a WebSocket says it cannot describe: docs/api.md does.
 */
import {
  BATCH_TYPE,
  createFields,
  DEFAULT_READ_BYTES,
  DEFAULT_READ_LIMIT,
  DEFAULT_WINDOW,
  EVENT_STREAM_TYPE,
  JSON_TYPE,
  messageParameters,
  NDJSON_TYPE,
  nameParameter,
  producerHeaders,
  pushSocketParameters,
  readParameters,
  tailParameters,
} from './api.js';
import type { Parameters } from './parameters.js';
import { PROBLEM_TYPE } from './problem.js';
import { refer, type Schema, schemas } from './schemas.js';

type Place = 'path' | 'query' | 'header';

/** What holds when a parameter is not given, where that is one value. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  limit: DEFAULT_READ_LIMIT,
  maxBytes: DEFAULT_READ_BYTES,
  wait: 0,
  gap: 'ok',
  move: false,
  window: DEFAULT_WINDOW,
};

const described = (place: Place, parameters: Parameters): Schema[] =>
  Object.entries(parameters).map(([name, { accepted, schema }]) => ({
    name,
    in: place,
    description: accepted,
    schema: name in DEFAULTS ? { ...schema, default: DEFAULTS[name] } : schema,
  }));

/** A header that no table of parameters has, since its form is checked where it is used. */
const header = (name: string, description: string): Schema => ({
  name,
  in: 'header',
  description,
  schema: { type: 'string' },
});

const inPath = (name: string, schema: Schema): Schema => ({ name, in: 'path', required: true, schema });
const queue = inPath('queue', nameParameter.schema);
const id = inPath('id', { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const json = (name: string): Schema => ({ [JSON_TYPE]: { schema: refer(name) } });
const answer = (description: string, content?: Schema): Schema => ({
  description,
  ...(content === undefined ? {} : { content }),
});
const UPGRADED = answer('A WebSocket, when the client asks for one. Its frames are described in docs/api.md.');
const REFUSED = answer('Refused; the code says why.', { [PROBLEM_TYPE]: { schema: refer('Problem') } });

const operation = (operationId: string, summary: string, members: Schema, answers: Schema): Schema => ({
  operationId,
  summary,
  ...members,
  responses: { ...answers, default: REFUSED },
});

/** The same without a body. */
const head = ({ operationId, summary, parameters }: Schema, description: string): Schema =>
  operation(`${operationId}Head`, `${summary} The headers alone.`, parameters === undefined ? {} : { parameters }, {
    200: answer(description),
  });

const LINES = { [NDJSON_TYPE]: { schema: { type: 'string' } } };
const RECORDS = 'Records back to back: u32 little-endian length, then that many bytes.';
const BATCH = { [BATCH_TYPE]: { schema: { description: RECORDS } } };

const create = operation(
  'create',
  'Create a queue; when it is there and each field given equals what it has, nothing changes.',
  {
    requestBody: {
      description: 'JSON, whatever its content type says. None is {}.',
      content: {
        [JSON_TYPE]: {
          schema: {
            type: 'object',
            properties: Object.fromEntries(
              Object.entries(createFields).map(([name, { accepted, schema }]) => [
                name,
                { ...schema, description: accepted },
              ]),
            ),
            additionalProperties: false,
          },
        },
      },
    },
  },
  { 200: answer('It was there.', json('Queue')), 201: answer('It is made.', json('Queue')) },
);

const push = operation(
  'push',
  'Push one message, or many at once: all of them are kept, or none.',
  {
    parameters: [
      ...described('header', producerHeaders),
      header('If-Match', '"EPOCH:NEXT", the ETag of stat: push only if nothing was pushed since'),
    ],
    requestBody: {
      required: true,
      content: { '*/*': {}, ...LINES, ...BATCH },
    },
  },
  { 200: answer('On the disk.', json('Pushed')) },
);

const read = operation(
  'read',
  'Read messages.',
  { parameters: described('query', readParameters) },
  {
    200: answer('Messages, perhaps none; at most one gap, before the first of them.', {
      ...json('Read'),
      ...LINES,
      ...BATCH,
    }),
  },
);

const readOne = operation(
  'readOne',
  'Read one message.',
  {
    parameters: [...described('query', messageParameters), header('If-None-Match', 'the ETag of an earlier answer')],
  },
  { 200: answer('Its bytes.', { 'application/octet-stream': {} }), 304: answer('As it was.') },
);

const tail = operation(
  'tail',
  'Follow a queue: what is there, then what comes.',
  {
    parameters: [
      ...described('query', tailParameters),
      header('Last-Event-ID', 'EPOCH:ID or ID: go on behind it; counts more than the two parameters'),
    ],
  },
  { 101: UPGRADED, 200: answer('Server-sent events.', { [EVENT_STREAM_TYPE]: { schema: { type: 'string' } } }) },
);

const pushSocket = operation(
  'pushSocket',
  'Push as a stream.',
  { parameters: described('query', pushSocketParameters) },
  { 101: UPGRADED },
);

const stat = operation(
  'stat',
  'How a queue stands.',
  {},
  { 200: answer('Its limits, what it keeps, what was rotated out, its cursors.', json('Queue')) },
);
const list = operation(
  'list',
  'How each queue stands that the token may stat.',
  {},
  { 200: answer('By name, without cursors.', json('List')) },
);

/** The document. Always the same: it depends on nothing but this version of the code. */
export const openapi = Object.freeze({
  openapi: '3.1.0',
  info: {
    title: 'rotera',
    version: '1',
    summary: 'Persistent rotating queues: create, push, read, tail, stat.',
    license: { name: 'BSD-3-Clause', identifier: 'BSD-3-Clause' },
  },
  servers: [{ url: '/' }],
  // A token is wanted only where the server was given some.
  security: [{}, { token: [] }],
  paths: {
    '/queues': { get: list, head: head(list, 'It can be listed.') },
    '/queues/{queue}': { parameters: [queue], put: create, get: stat, head: head(stat, 'It is there.') },
    '/queues/{queue}/messages': { parameters: [queue], post: push, get: read },
    '/queues/{queue}/messages/{id}': { parameters: [queue, id], get: readOne, head: head(readOne, 'It is there.') },
    '/queues/{queue}/tail': { parameters: [queue], get: tail },
    '/queues/{queue}/push': { parameters: [queue], get: pushSocket },
  },
  components: { schemas, securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
});
