/**
 * Requests that are wrong in one way each, put together at random, with the code that each must be answered with.
 */
import type { ErrorCode } from '../../src/errors.js';
import { bytes, seeded } from '../support/queues.js';
import type { Request } from '../support/server.js';
import { BATCH, NDJSON } from './words.js';

export interface Wrong {
  readonly request: Request;
  readonly code: ErrorCode;
}

/** What the requests are made against: a queue `q` that holds so many messages, in this life. */
export interface Subject {
  readonly epoch: string;
  readonly next: number;
}

type Query = Array<readonly [name: string, value: string]>;

const PUSH = { method: 'POST', path: '/queues/q/messages' } as const;
const READ = '/queues/q/messages';
const TAIL = '/queues/q/tail';
/** What may stand beside what is wrong. Nothing that waits or makes something. */
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  [READ]: ['from=oldest', 'from=-3', 'limit=2', 'maxBytes=10', 'gap=ok', 'from=1h', 'to=3', 'wait=0'],
  [TAIL]: ['from=oldest', 'from=-1', 'gap=ok', 'gap=fail'],
};
const NO_INTEGERS = ['', '-1', '1.5', '1e3', '0x1', 'one', ' 1', '+1', '99999999999999999', 'NaN', '١', 'null', '1,2'];
const NO_PLACES = [
  '',
  'first',
  '1.5',
  '5x',
  '-',
  '--1',
  '2026-02-30T00:00:00Z',
  '2026-01-01',
  '1w',
  'Oldest',
  '99999999999999999',
];
const WRONG_VALUES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  [READ]: {
    from: NO_PLACES,
    to: NO_INTEGERS,
    limit: [...NO_INTEGERS, '0', '10001', '1000001'],
    maxBytes: [...NO_INTEGERS, '0', '16777217'],
    wait: [...NO_INTEGERS, '61'],
    gap: ['', 'no', 'OK', 'true'],
    epoch: ['', 'ä', 'a b', 'x'.repeat(65)],
    cursor: ['', '.c', 'c/d', 'ü', 'x'.repeat(129)],
    ack: NO_INTEGERS,
    move: ['', '1', 'yes', 'TRUE'],
  },
  [TAIL]: {
    from: NO_PLACES,
    gap: ['', 'never'],
    window: [...NO_INTEGERS, '0', '1000001'],
    cursor: ['', '-c', 'a b'],
    move: ['', 'maybe'],
    lastEventId: ['', 'x', 'a:b', ':', '1:'],
    last_event_id: ['', '1 2', '-1'],
  },
};
const NAMES = ['.', '..q', '-', '_q', 'ä', 'a b', 'a:b', 'x'.repeat(129), '%2e', '$', '\n'];

/** An endless supply, the same for the same seed. */
export function wrongRequests(seed: number, { epoch, next }: Subject): () => Wrong {
  const below = seeded(seed);
  const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)] as T;
  const word = (): string => Array.from({ length: 1 + below(12) }, () => pick([...'abcXYZ019_-'])).join('');
  const get = (path: string, query: Query = [], headers: Record<string, string> = {}): Request => ({
    path:
      query.length === 0
        ? path
        : `${path}?${query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`,
    headers,
  });
  /** The wrong part among right ones of other names. */
  const beside = (path: string, wrong: Query): Query => {
    const right = (BESIDE[path] ?? [])
      .map((text) => text.split('=') as [string, string])
      .filter(
        ([name], i, all) => !wrong.some((one) => one[0] === name) && all.findIndex((one) => one[0] === name) === i,
      )
      .filter(() => below(3) === 0);
    const at = below(right.length + 1);
    return [...right.slice(0, at), ...wrong, ...right.slice(at)];
  };
  const push = (headers: Record<string, string>, body: string | Uint8Array = word()): Request => ({
    ...PUSH,
    headers,
    body,
  });
  const put = (fields: unknown, name = `new-${word()}`): Request => ({
    method: 'PUT',
    path: `/queues/${name}`,
    body: typeof fields === 'string' ? fields : JSON.stringify(fields),
  });
  const bad = (request: Request): Wrong => ({ request, code: 'bad_parameter' });
  const producer = (seq: string): Record<string, string> => ({
    'producer-id': word(),
    'producer-epoch': '0',
    'producer-seq': seq,
  });

  const kinds: ReadonlyArray<() => Wrong> = [
    () => {
      const path = pick([READ, TAIL]);
      const [name, values] = pick(Object.entries(WRONG_VALUES[path] as Record<string, readonly string[]>));
      // An ack and a move are about a cursor, which none of these makes.
      return bad(get(path, beside(path, [[name, pick(values)]])));
    },
    () => bad(get(pick([READ, TAIL, '/queues/q', '/queues', `${READ}/1`]), [[`x${word()}`, word()]])),
    () => {
      const path = pick([READ, TAIL]);
      const [name, value] = pick(BESIDE[path] as readonly string[]).split('=') as [string, string];
      return bad(
        get(path, [
          [name, value],
          [name, value],
        ]),
      );
    },
    () => bad(get(pick([READ, TAIL]), [[pick(['ack', 'move', 'window']), '1'.repeat(1 + below(3))]])),
    () =>
      bad(
        get(READ, [
          ['from', '3'],
          ['to', String(below(3))],
        ]),
      ),
    () => bad(get(`${READ}/${pick(['x', '-1', '1.5', '01x', '99999999999999999', '%20'])}`)),
    () => ({ request: get(`${READ}/${next + below(1000)}`), code: 'not_yet' }),
    () => ({ request: get(pick([READ, TAIL]), [['from', String(next + 1 + below(1000))]]), code: 'beyond_end' }),
    () => ({ request: get(pick([READ, TAIL]), [['epoch', `no-${word()}`]]), code: 'epoch_changed' }),
    () => ({
      request: get(READ, [
        ['cursor', word().replace(/^[_-]+/, 'c')],
        ['ack', String(below(next))],
      ]),
      code: 'cursor_not_found',
    }),
    () => ({
      request: get(READ, beside(READ, []), { accept: pick(['text/html', 'image/*', 'application/json;q=0', 'x']) }),
      code: 'not_acceptable',
    }),
    () => ({
      request: { ...get(`/queues/no-${word()}${pick(['', '/messages', '/tail', '/messages/1'])}`) },
      code: 'queue_not_found',
    }),
    () => ({ request: { ...push({}), path: `/queues/no-${word()}/messages` }, code: 'queue_not_found' }),
    () => ({ request: { ...put({}, encodeURIComponent(pick(NAMES))) }, code: 'bad_name' }),
    () => ({
      request: { ...get(`/queues/${encodeURIComponent(pick(NAMES))}${pick(['', '/messages', '/tail'])}`) },
      code: 'bad_name',
    }),
    () => ({ request: get(`/${word()}`), code: 'not_found' }),
    () => ({ request: get(`/queues/q/${word()}x`), code: 'not_found' }),
    () => ({
      request: { method: pick(['DELETE', 'PATCH', 'OPTIONS']), path: pick(['/queues', '/queues/q', READ, TAIL]) },
      code: 'method_not_allowed',
    }),
    () => ({
      request: { ...push({}), path: pick(['/queues', '/queues/q', TAIL, '/healthz']) },
      code: 'method_not_allowed',
    }),
    () => ({ request: push({ 'content-type': pick(['', 'text/plain', 'application/json']) }, ''), code: 'empty_body' }),
    () => ({ request: push({ 'content-type': NDJSON }, pick(['', '\n', '\r\n\n', '\n\n\n'])), code: 'empty_batch' }),
    () => ({
      request: push({ 'content-type': BATCH }, cut(bytes(1 + below(40), below(1000)))),
      code: 'malformed_batch',
    }),
    () => ({ request: push({}, 'x'.repeat(1001 + below(500))), code: 'message_too_large' }),
    () => bad({ ...push({}), path: `${PUSH.path}?${word()}x=1` }),
    () => bad(push(without(producer('0'), pick(['producer-id', 'producer-epoch', 'producer-seq'])))),
    () => bad(push(producer(pick(NO_INTEGERS.filter((text) => /^[\x21-\x7e]+$/.test(text)))))),
    () => ({ request: push(producer(String(1 + below(1000)))), code: 'producer_gap' }),
    () => bad(push({ 'if-match': pick(['*', 'x', `${epoch}:1`, `W/"${epoch}:1"`, `"${epoch}"`, `"${epoch}:x"`]) })),
    () => ({ request: push({ 'if-match': `"${pick([epoch, word()])}:${next + 1 + below(9)}"` }), code: 'next_moved' }),
    () => bad(put(pick(['{', '[]', 'null', '1', '"x"', '{"maxMessages":}', '{"maxBytes":1,"maxBytes":1}', '\0']))),
    () =>
      bad(
        put({
          [pick(['maxMessages', 'maxBytes', 'maxMessageBytes', 'maxAgeSeconds'])]: pick([
            0,
            -1,
            1.5,
            '1',
            true,
            [],
            {},
            2 ** 60,
          ]),
        }),
      ),
    () => bad(put({ [`${word()}x`]: 1 })),
    () => bad(put({ reserve: pick([0, 1, 'true', null]) })),
    () => ({ request: put({ maxMessages: 1 + below(50) }, 'q'), code: 'config_mismatch' }),
  ];
  return () => pick(kinds)();
}

/** Records of which the last is cut short, whatever the bytes are. */
function cut(noise: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(noise.length + 1);
  return Buffer.concat([head, noise]);
}

const without = (headers: Record<string, string>, name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([other]) => other !== name));
