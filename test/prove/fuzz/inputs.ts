/**
 * Random input for a server, as bytes of one connection each; the same for the same number.
 */

import { httpRequest } from '../../../bench/clients/http.js';
import { batchOf } from '../../../src/batch.js';
import { BATCH_PROTOCOL, BATCH_TYPE, NDJSON_TYPE, TEXT_PROTOCOL } from '../../../src/protocol/api.js';
import { BODIES, HOSTS, REQUESTS, SMUGGLING, UPGRADES } from '../../contract/raw-cases.js';
import { frame } from '../../support/raw-frames.js';
import type { Random } from '../random.js';

/** The queue that takes whatever comes. */
export const FUZZED = 'fuzzed';

/** One connection's worth: written in pieces, of which the later ones follow when something was answered. */
export interface Input {
  readonly kind: string;
  readonly pieces: readonly Buffer[];
  /** Whether it is a whole request: then it must be answered. */
  readonly isWhole: boolean;
}

const CASES: readonly Buffer[] = [...SMUGGLING, ...HOSTS, ...REQUESTS, ...BODIES, ...UPGRADES].map(({ bytes }) =>
  Buffer.from(bytes.toString('latin1').replaceAll('/queues/q', `/queues/${FUZZED}`), 'latin1'),
);
const WORDS = [
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\0',
  ':',
  'Content-Length: 5',
  'Transfer-Encoding: chunked',
  'HTTP/1.1',
  '%',
  '\xff',
  'GET',
];
const MOST_CHANGES = 6;

const noise = (random: Random, bytes: number): Buffer =>
  Buffer.from(Array.from({ length: bytes }, () => random.below(256)));

/** Bytes with some of them changed, left out, doubled or put in. */
export function mutated(given: Buffer, random: Random): Buffer {
  let bytes = given;
  for (let i = random.spread(1, MOST_CHANGES); i > 0; i--) {
    const at = random.below(bytes.length + 1);
    const to = Math.min(bytes.length, at + random.spread(1, 16));
    const [before, some, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)];
    bytes = Buffer.concat(
      random.pick([
        () => [before, noise(random, some.length), after],
        () => [before, after],
        () => [before, some, some, after],
        () => [before, Buffer.from(random.pick(WORDS), 'latin1'), some, after],
        () => [before],
        () => [before, some.map((byte) => byte ^ (1 << random.below(8))), after],
      ])(),
    );
  }
  return bytes;
}

const VALUES = [
  '',
  '0',
  '1',
  '-1',
  '-5',
  '100',
  '1000000',
  '99999999999999999999',
  'oldest',
  'next',
  '1h',
  '30s',
  'true',
  'fail',
  'ok',
];
const STRANGE = ['\0', 'ü', '\u2028', 'a b', '../..', '%00', '{}', '2026-01-01T00:00:00Z', 'x'.repeat(200), '١'];
const NAMES = [
  'from',
  'to',
  'limit',
  'maxBytes',
  'gap',
  'epoch',
  'cursor',
  'ack',
  'move',
  'window',
  'last_event_id',
  'lastEventId',
  'producerId',
  'producerEpoch',
  'producerSeq',
  'x',
];
const PATHS = [
  '/queues',
  `/queues/${FUZZED}`,
  `/queues/${FUZZED}/messages`,
  `/queues/${FUZZED}/messages/1`,
  `/queues/${FUZZED}/tail`,
  '/queues/none/messages',
  '/healthz',
  '/',
  '/nothing',
  '/openapi.json',
];
const METHODS = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH'];
/** So many queues are made at the most. */
const MADE = 20;
const MOST_BODY = 4000;

const value = (random: Random): string => random.pick(random.chance(0.8) ? VALUES : STRANGE);

function query(random: Random): string {
  const some = Array.from(
    { length: random.below(4) },
    () => `${random.pick(NAMES)}=${encodeURIComponent(value(random))}`,
  );
  return some.length === 0 ? '' : `?${some.join('&')}`;
}

function headers(random: Random): Record<string, string> {
  const all: ReadonlyArray<() => readonly [string, string]> = [
    () => [
      'Accept',
      random.pick(['*/*', 'application/json', NDJSON_TYPE, BATCH_TYPE, 'text/event-stream', 'x', 'a/b;q=0']),
    ],
    () => ['Content-Type', random.pick([BATCH_TYPE, NDJSON_TYPE, 'text/plain', 'x', ''])],
    () => ['If-Match', random.pick(['*', '"x:1"', 'x', '""'])],
    () => ['Origin', random.pick(['http://evil.example', 'null', 'http://localhost'])],
    () => ['Authorization', random.pick(['Bearer x', 'Basic eDp4', ''])],
    () => ['Last-Event-ID', random.pick(['1', 'x', ':', 'a:1'])],
    () => ['Range', 'bytes=0-1'],
    () => ['traceparent', random.pick(['00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', '00-x'])],
    () => ['Expect', '100-continue'],
  ];
  const producer = {
    'Producer-Id': `p${random.below(50)}`,
    'Producer-Epoch': value(random),
    'Producer-Seq': value(random),
  };
  const some = Object.fromEntries(Array.from({ length: random.below(4) }, () => random.pick(all)()));
  const latin = Object.entries({ ...some, ...(random.chance(0.3) ? producer : {}) }).filter(([, text]) =>
    /^[ -~]*$/.test(text),
  );
  return { ...Object.fromEntries(latin), Connection: 'close' };
}

function json(random: Random, depth = 0): unknown {
  const leaf = [0, 1, -1, 1.5, 2 ** 53, 1e308, '', 'x', '\0', true, null];
  if (depth > 3 || random.chance(0.5)) return random.pick(leaf);
  const some = Array.from({ length: random.below(4) }, () => json(random, depth + 1));
  return random.chance(0.5)
    ? some
    : Object.fromEntries(some.map((one, i) => [random.pick(['a', '__proto__', 'maxBytes', String(i)]), one]));
}

/** Records, sound or not. */
function batch(random: Random): Buffer {
  const messages = Array.from({ length: 1 + random.below(8) }, () => noise(random, random.below(100)));
  const records = Buffer.from(batchOf(messages).records);
  return random.chance(0.5) ? records : mutated(records, random);
}

function body(random: Random): Buffer {
  return random.pick([
    () => Buffer.alloc(0),
    () => noise(random, random.spread(1, MOST_BODY)),
    () => batch(random),
    () => Buffer.from(JSON.stringify(json(random)) ?? ''),
    () => mutated(Buffer.from('{"a":1}\n{"b":2}\n'), random),
  ])();
}

/** A create of a small queue, or of something that is none. */
function limits(random: Random): Buffer {
  const number = (): unknown => random.pick([1, 10, 1000, 100_000, 0, -1, 1.5, '1', null, 2 ** 60]);
  const fields = ['maxMessages', 'maxBytes', 'maxAgeSeconds', 'maxMessageBytes'].filter(() => random.chance(0.4));
  const all = { maxBytes: 100_000, ...Object.fromEntries(fields.map((name) => [name, number()])), reserve: false };
  const text = Buffer.from(JSON.stringify(random.chance(0.8) ? all : json(random)));
  return random.chance(0.8) ? text : mutated(text, random);
}

function request(random: Random): Buffer {
  if (random.chance(0.05))
    return httpRequest('PUT', `/queues/made-${random.below(MADE)}`, headers(random), limits(random));
  const method = random.pick(METHODS);
  const path = random.chance(0.95) ? random.pick(PATHS) : `/queues/${encodeURIComponent(value(random))}`;
  // Only made ones are made, and those are small.
  const target = method === 'PUT' && !path.includes('/messages') ? '/queues' : path;
  return httpRequest(method, target + query(random), headers(random), method === 'GET' ? undefined : body(random));
}

function frames(random: Random): Buffer {
  const payload = (): Buffer =>
    random.pick([
      () => noise(random, random.below(200)),
      () => batch(random),
      () => Buffer.from(JSON.stringify({ type: 'ack', id: random.pick([0, 1, -1, 1e9, 'x', null]) })),
      () => Buffer.from(JSON.stringify(json(random)) ?? ''),
    ])();
  const one = (): Buffer =>
    frame(random.chance(0.8) ? random.pick([1, 2]) : random.below(16), payload(), {
      fin: random.chance(0.9),
      rsv: random.chance(0.95) ? 0 : random.below(8),
      mask: random.chance(0.97) ? noise(random, 4) : undefined,
      ...(random.chance(0.97) ? {} : { length: BigInt(random.next()) }),
    });
  const all = Buffer.concat(Array.from({ length: 1 + random.below(6) }, one));
  return random.chance(0.8) ? all : mutated(all, random);
}

function webSocket(random: Random): Buffer[] {
  const path = random.pick([
    `/queues/${FUZZED}/push`,
    `/queues/${FUZZED}/tail`,
    `/queues/${FUZZED}/tail?from=oldest`,
    `/queues/${FUZZED}/tail?cursor=c${random.below(20)}`,
    `/queues/${FUZZED}/push?producerId=p${random.below(50)}&producerEpoch=0&producerSeq=0`,
  ]);
  const upgrade = httpRequest('GET', path, {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': noise(random, 16).toString('base64'),
    'Sec-WebSocket-Protocol': random.pick([TEXT_PROTOCOL, BATCH_PROTOCOL]),
  });
  return [upgrade, frames(random)];
}

/** An input of any kind. */
export function inputOf(random: Random): Input {
  const kinds: ReadonlyArray<readonly [share: number, kind: string, isWhole: boolean, make: () => Buffer[]]> = [
    [0.45, 'requests put together at random', true, () => [request(random)]],
    [0.6, 'the same, mutated', false, () => [mutated(request(random), random)]],
    [0.75, 'raw requests, mutated', false, () => [mutated(random.pick(CASES), random)]],
    [0.8, 'any bytes', false, () => [noise(random, random.spread(1, 500))]],
    [1, 'frames of WebSockets', true, () => webSocket(random)],
  ];
  const at = random.next() / 0x1_0000_0000;
  const [, kind, isWhole, make] = kinds.find(([share]) => at < share) as (typeof kinds)[number];
  return { kind, isWhole, pieces: make() };
}
