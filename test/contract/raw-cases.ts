/**
 * Raw requests of HTTP/1.1, well formed and not, each with what must be answered.
 */

/** What is answered, in order: a status, or the code of a problem. And whether the server ends the connection by itself. */
export interface RawCase {
  readonly name: string;
  readonly bytes: string | Buffer;
  readonly answers: ReadonlyArray<number | string>;
  readonly closes: boolean;
  /** Messages that it stores. */
  readonly stores?: readonly string[];
}

const HOST = 'Host: localhost\r\n';
const push = (headers: string, body = ''): string => `POST /queues/q/messages HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;
const get = (headers = '', line = 'GET /queues/q HTTP/1.1'): string => `${line}\r\n${HOST}${headers}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const CHUNKS = '4\r\nabcd\r\n0\r\n\r\n';

/** Refused as no well-formed request, and the connection closed: nothing of it may be taken for another request. */
const malformed = (name: string, bytes: string | Buffer): RawCase => ({
  name,
  bytes,
  answers: ['bad_parameter'],
  closes: true,
});

const answered = (name: string, bytes: string | Buffer, ...answers: Array<number | string>): RawCase => ({
  name,
  bytes,
  answers,
  closes: false,
});

const stored = (name: string, bytes: string, ...stores: string[]): RawCase => ({
  name,
  bytes,
  answers: stores.map(() => 200),
  closes: false,
  stores,
});

/** One request taken for two, or two for one, by this server or one in front of it. */
export const SMUGGLING: readonly RawCase[] = [
  malformed('both lengths', push(`Content-Length: 4\r\n${CHUNKED}`, CHUNKS)),
  malformed('both lengths, the other way round', push(`${CHUNKED}Content-Length: 4\r\n`, CHUNKS)),
  malformed('two lengths that differ', push('Content-Length: 4\r\nContent-Length: 5\r\n', 'abcde')),
  malformed('two lengths that are equal', push('Content-Length: 4\r\nContent-Length: 4\r\n', 'abcd')),
  malformed('a list of lengths', push('Content-Length: 4,4\r\n', 'abcd')),
  malformed('a length with a sign', push('Content-Length: +4\r\n', 'abcd')),
  malformed('a negative length', push('Content-Length: -1\r\n', 'abcd')),
  malformed('a length in hex', push('Content-Length: 0x4\r\n', 'abcd')),
  malformed('a length with a fraction', push('Content-Length: 4.0\r\n', 'abcd')),
  malformed('a length of 20 digits', push('Content-Length: 99999999999999999999\r\n', 'abcd')),
  malformed('a length with a space in it', push('Content-Length: 4 4\r\n', 'abcd')),
  malformed('a length in words', push('Content-Length: four\r\n', 'abcd')),
  malformed('a length with a space before the colon', push('Content-Length : 4\r\n', 'abcd')),
  malformed('xchunked', push('Transfer-Encoding: xchunked\r\n', CHUNKS)),
  malformed('identity', push('Transfer-Encoding: identity\r\n', CHUNKS)),
  malformed('chunked, identity', push('Transfer-Encoding: chunked, identity\r\n', CHUNKS)),
  malformed('chunked twice', push('Transfer-Encoding: chunked, chunked\r\n', CHUNKS)),
  malformed('chunked in two headers', push(`${CHUNKED}${CHUNKED}`, CHUNKS)),
  malformed('chunked, then identity in another header', push(`${CHUNKED}Transfer-Encoding: identity\r\n`, CHUNKS)),
  answered('gzip', push('Transfer-Encoding: gzip, chunked\r\n', CHUNKS), 'bad_parameter'),
  malformed('a vertical tab before chunked', push('Transfer-Encoding: \x0bchunked\r\n', CHUNKS)),
  malformed('a space before the colon of chunked', push('Transfer-Encoding : chunked\r\n', CHUNKS)),
  malformed('NUL behind the name of chunked', push('Transfer-Encoding\0: chunked\r\n', CHUNKS)),
  malformed('chunked with parameters', push('Transfer-Encoding: chunked;q=1\r\n', CHUNKS)),
  malformed('chunked in HTTP/1.0', `POST /queues/q/messages HTTP/1.0\r\n${HOST}${CHUNKED}\r\n${CHUNKS}`),
  malformed('a chunk size in 0x', push(CHUNKED, '0x4\r\nabcd\r\n0\r\n\r\n')),
  malformed('a chunk size with a sign', push(CHUNKED, '+4\r\nabcd\r\n0\r\n\r\n')),
  malformed('a negative chunk size', push(CHUNKED, '-4\r\nabcd\r\n0\r\n\r\n')),
  malformed('a chunk size that overflows', push(CHUNKED, '10000000000000004\r\nabcd\r\n0\r\n\r\n')),
  malformed('a chunk size with a space before it', push(CHUNKED, ' 4\r\nabcd\r\n0\r\n\r\n')),
  malformed('no chunk size', push(CHUNKED, '\r\nabcd\r\n0\r\n\r\n')),
  malformed('a chunk that ends with LF', push(CHUNKED, '4\r\nabcd\n0\r\n\r\n')),
  malformed('a chunk size that ends with LF', push(CHUNKED, '4\nabcd\r\n0\r\n\r\n')),
  malformed('a chunk longer than it says', push(CHUNKED, '3\r\nabcd\r\n0\r\n\r\n')),
  malformed('a huge chunk extension', push(CHUNKED, `4;${'x'.repeat(20_000)}\r\nabcd\r\n0\r\n\r\n`)),
  malformed('lines that end with LF', push('Content-Length: 4\r\n', 'abcd').replaceAll('\r\n', '\n')),
  malformed('one line that ends with LF', push('X: y\nContent-Length: 4\r\n', 'abcd')),
  malformed('a lone CR in a value', push('X: a\rContent-Length: 9\r\nContent-Length: 4\r\n', 'abcd')),
  malformed('a folded line', push('X: a\r\n Content-Length: 9\r\nContent-Length: 4\r\n', 'abcd')),
  malformed('a folded first header', get('', 'GET /queues/q HTTP/1.1\r\n X: a')),
  malformed('NUL in a value', get('X: a\0b\r\n')),
  malformed('NUL in a name', get('X\0: a\r\n')),
  malformed('a name with a space in it', get('X Y: a\r\n')),
  malformed('no name', get(': a\r\n')),
  malformed('no colon', get('X\r\n')),
  stored(
    'a request in the body of another',
    push('Content-Length: 31\r\n', 'GET /queues/none HTTP/1.1\r\n\r\nxx'),
    'GET /queues/none HTTP/1.1\r\n\r\nxx',
  ),
  answered('a request in the body of a GET', `${get('Content-Length: 29\r\n')}GET /queues/none HTTP/1.1\r\n\r\n`, 200),
  malformed('a length in the trailers', push(CHUNKED, '4\r\nabcd\r\n0\r\nContent-Length: 9\r\n\r\n')),
  stored('another Host in the trailers', push(CHUNKED, '4\r\nabcd\r\n0\r\nHost: x\r\n\r\n'), 'abcd'),
];

export const HOSTS: readonly RawCase[] = [
  answered('no Host', 'GET /queues/q HTTP/1.1\r\n\r\n', 'bad_parameter'),
  answered('no Host in HTTP/1.0', 'GET /queues/q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', 'bad_parameter'),
  answered('an empty Host', 'GET /queues/q HTTP/1.1\r\nHost:\r\n\r\n', 'bad_parameter'),
  answered('two Hosts', get('Host: localhost\r\n'), 'bad_parameter'),
  answered('two Hosts that differ', get('hOST: evil.example\r\n'), 'bad_parameter'),
  answered('two Hosts in one', 'GET /queues/q HTTP/1.1\r\nHost: localhost, localhost\r\n\r\n', 'bad_parameter'),
  answered('an evil Host', 'GET /queues/q HTTP/1.1\r\nHost: evil.example\r\n\r\n', 'host_refused'),
  answered('an URL with another host', get('', 'GET http://evil.example/queues/q HTTP/1.1'), 'bad_parameter'),
  answered('an URL with the same host', get('', 'GET http://LOCALHOST/queues/q HTTP/1.1'), 200),
  answered('another Host far behind', get(`${'X: y\r\n'.repeat(2500)}Host: localhost\r\n`), 'bad_parameter'),
  malformed('a space before the colon', 'GET /queues/q HTTP/1.1\r\nHost : localhost\r\n\r\n'),
];

export const REQUESTS: readonly RawCase[] = [
  malformed('words', 'nonsense\r\n\r\n'),
  malformed('HTTP/0.9', 'GET /queues/q\r\n\r\n'),
  malformed('HTTP/1.2', get('', 'GET /queues/q HTTP/1.2')),
  malformed('HTTP/2.0', get('', 'GET /queues/q HTTP/2.0')),
  malformed('HTTP/1.1x', get('', 'GET /queues/q HTTP/1.1x')),
  malformed('http/1.1', get('', 'GET /queues/q http/1.1')),
  malformed('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  malformed('a request of RTSP', get('', 'DESCRIBE /queues/q RTSP/1.0')),
  malformed(
    'a request of RTSP to upgrade',
    get('Connection: Upgrade\r\nUpgrade: websocket\r\n', 'FLUSH /queues/q/tail RTSP/1.0'),
  ),
  malformed('the start of TLS', Buffer.from('1603010200010001fc0303', 'hex')),
  malformed('a method that is none', get('', 'FOO /queues/q HTTP/1.1')),
  malformed('a method in small letters', get('', 'get /queues/q HTTP/1.1')),
  malformed('no method', get('', ' /queues/q HTTP/1.1')),
  malformed('a space before the method', ` ${get()}`),
  malformed('no URL', get('', 'GET  HTTP/1.1')),
  malformed('a space in the URL', get('', 'GET /queues /q HTTP/1.1')),
  malformed('NUL in the URL', get('', 'GET /queues/q\0 HTTP/1.1')),
  malformed('a tab for a space', get('', 'GET\t/queues/q HTTP/1.1')),
  malformed('an URL without a slash', get('', 'GET queues/q HTTP/1.1')),
  answered('an empty line before it', `\r\n${get()}`, 200),
  answered('two slashes', get('', 'GET //queues/q HTTP/1.1'), 'not_found'),
  answered('dots in the URL', get('', 'GET /queues/../queues/q HTTP/1.1'), 'not_found'),
  answered('escaped dots in the URL', get('', 'GET /queues/%2e%2e HTTP/1.1'), 'bad_name'),
  answered('NUL escaped in the URL', get('', 'GET /queues/q%00 HTTP/1.1'), 'bad_name'),
  answered('a broken escape', get('', 'GET /queues/q%zz HTTP/1.1'), 'bad_parameter'),
  answered('a fragment', get('', 'GET /queues/q#x HTTP/1.1'), 'bad_parameter'),
  answered('OPTIONS *', get('', 'OPTIONS * HTTP/1.1'), 'not_found'),
  answered('TRACE', get('', 'TRACE /queues/q HTTP/1.1'), 'method_not_allowed'),
  answered(
    'DELETE with a body',
    `${get('Content-Length: 2\r\n', 'DELETE /queues/q HTTP/1.1')}ab`,
    'method_not_allowed',
  ),
  answered('PROPFIND', get('', 'PROPFIND /queues/q HTTP/1.1'), 'method_not_allowed'),
  { name: 'CONNECT', bytes: get('', 'CONNECT localhost:80 HTTP/1.1'), answers: [], closes: true },
  {
    name: 'a name of 20,000 bytes',
    bytes: get(`${'X'.repeat(20_000)}: y\r\n`),
    answers: ['headers_too_large'],
    closes: true,
  },
  {
    name: 'a value of 20,000 bytes',
    bytes: get(`X: ${'y'.repeat(20_000)}\r\n`),
    answers: ['headers_too_large'],
    closes: true,
  },
  { name: '3,000 headers', bytes: get('X: yyyyyy\r\n'.repeat(3000)), answers: ['headers_too_large'], closes: true },
  {
    name: 'an URL of 20,000 bytes',
    bytes: get('', `GET /${'x'.repeat(20_000)} HTTP/1.1`),
    answers: ['uri_too_long'],
    closes: true,
  },
  answered('an URL of 9,000 bytes', get('', `GET /${'x'.repeat(9000)} HTTP/1.1`), 'uri_too_long'),
  answered('a value with bytes beyond ASCII', get('X: \xe4\xff\r\n'), 200),
  answered('many headers', get('X: y\r\n'.repeat(1000)), 200),
  answered('three at once', get() + get('', 'GET /queues/none HTTP/1.1') + get(), 200, 'queue_not_found', 200),
  {
    name: 'nonsense behind a request',
    bytes: `${get()}nonsense\r\n\r\n`,
    answers: [200, 'bad_parameter'],
    closes: true,
  },
  { name: 'Connection: close', bytes: get('Connection: close\r\n'), answers: [200], closes: true },
  { name: 'HTTP/1.0', bytes: `GET /queues/q HTTP/1.0\r\n${HOST}\r\n`, answers: [200], closes: true },
  answered('HTTP/1.0 that is kept', `GET /queues/q HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`, 200),
  answered('an expectation that nobody knows', get('Expect: miracles\r\n'), 200),
  answered('Range', get('Range: bytes=0-1\r\n'), 200),
];

export const BODIES: readonly RawCase[] = [
  stored('a length', push('Content-Length: 4\r\n', 'abcd'), 'abcd'),
  stored('a length with zeros before it', push('Content-Length: 0004\r\n', 'abcd'), 'abcd'),
  stored('chunks', push(CHUNKED, '2\r\nab\r\n2;x=y\r\ncd\r\n0\r\n\r\n'), 'abcd'),
  stored('Chunked', push('Transfer-Encoding: Chunked\r\n', CHUNKS), 'abcd'),
  stored('a chunk size in capitals', push(CHUNKED, 'A\r\n0123456789\r\n0\r\n\r\n'), '0123456789'),
  stored('two pushes at once', push('Content-Length: 1\r\n', 'a') + push(CHUNKED, '1\r\nb\r\n0\r\n\r\n'), 'a', 'b'),
  answered('no length', push(''), 'empty_body'),
  answered('a length of nothing', push('Content-Length: 0\r\n'), 'empty_body'),
  answered('no chunks', push(CHUNKED, '0\r\n\r\n'), 'empty_body'),
  {
    name: 'a wait for the word',
    bytes: push('Content-Length: 4\r\nExpect: 100-continue\r\n', 'abcd'),
    answers: [100, 200],
    closes: false,
    stores: ['abcd'],
  },
  {
    name: 'a length over the limit',
    bytes: push('Content-Length: 2001\r\n'),
    answers: ['push_too_large'],
    closes: true,
  },
  {
    name: 'chunks over the limit',
    bytes: push(CHUNKED, `7d1\r\n${'x'.repeat(2001)}\r\n0\r\n\r\n`),
    answers: ['push_too_large'],
    closes: true,
  },
];

const KEY = 'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n';
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
const TAIL = 'GET /queues/q/tail HTTP/1.1';
const VERSION = 'Sec-WebSocket-Version: 13\r\n';
const refusedUpgrade = (name: string, bytes: string, ...answers: string[]): RawCase => ({
  name,
  bytes,
  answers,
  closes: true,
});

export const UPGRADES: readonly RawCase[] = [
  refusedUpgrade('no key', get(UPGRADE + VERSION, TAIL), 'bad_parameter'),
  refusedUpgrade('a short key', get(`${UPGRADE}${VERSION}Sec-WebSocket-Key: YQ==\r\n`, TAIL), 'bad_parameter'),
  refusedUpgrade('two keys', get(UPGRADE + VERSION + KEY + KEY, TAIL), 'bad_parameter'),
  refusedUpgrade('no version', get(UPGRADE + KEY, TAIL), 'upgrade_required'),
  refusedUpgrade('version 8', get(`${UPGRADE}${KEY}Sec-WebSocket-Version: 8\r\n`, TAIL), 'upgrade_required'),
  refusedUpgrade('version 13, 8', get(`${UPGRADE}${KEY}Sec-WebSocket-Version: 13, 8\r\n`, TAIL), 'upgrade_required'),
  refusedUpgrade('to something else', get('Connection: Upgrade\r\nUpgrade: h2c\r\n'), 'bad_parameter'),
  refusedUpgrade('to HTTP/2 on a tail', get('Connection: Upgrade\r\nUpgrade: h2c\r\n', TAIL), 'bad_parameter'),
  ...['GET /queues/q', 'GET /', 'GET /healthz', 'GET /readyz', 'GET /openapi.json'].map((line) =>
    refusedUpgrade(
      `where there is no WebSocket: ${line}`,
      get(UPGRADE + VERSION + KEY, `${line} HTTP/1.1`),
      'bad_parameter',
    ),
  ),
  refusedUpgrade(
    'of a POST',
    `${get(`${UPGRADE}${VERSION}${KEY}Content-Length: 1\r\n`, 'POST /queues/q/messages HTTP/1.1')}x`,
    'bad_parameter',
  ),
  refusedUpgrade('of HTTP/1.0', get(UPGRADE + VERSION + KEY, 'GET /queues/q/tail HTTP/1.0'), 'bad_parameter'),
  refusedUpgrade(
    'of an URL that is none',
    get(UPGRADE + VERSION + KEY, 'GET /queues/%zz/tail HTTP/1.1'),
    'bad_parameter',
  ),
  refusedUpgrade('where there is nothing', get(UPGRADE + VERSION + KEY, 'GET /nothing HTTP/1.1'), 'not_found'),
  refusedUpgrade('by an evil Host', `${TAIL}\r\nHost: evil.example\r\n${UPGRADE}${VERSION}${KEY}\r\n`, 'host_refused'),
  refusedUpgrade(
    'with a broken list of protocols',
    get(`${UPGRADE}${VERSION}${KEY}Sec-WebSocket-Protocol: rotera.v1,,\r\n`, TAIL),
    'bad_parameter',
  ),
  refusedUpgrade(
    'with a protocol twice',
    get(`${UPGRADE}${VERSION}${KEY}Sec-WebSocket-Protocol: rotera.v1, rotera.v1\r\n`, TAIL),
    'bad_parameter',
  ),
  refusedUpgrade(
    'with a huge head',
    get(`${UPGRADE}${VERSION}${KEY}X: ${'y'.repeat(20_000)}\r\n`, TAIL),
    'headers_too_large',
  ),
];
