/**
 * One server over HTTP: addresses, credentials, deadlines, repeats, and answers that are errors.
 */
import { isRoteraError, messageOf, RoteraError } from '../errors.js';
import { DEFAULT_HOST, DEFAULT_PORT } from '../protocol/api.js';
import { answeredError } from './answered-error.js';
import { queuePath } from './queue-path.js';
import { backoffMs, type Clock, MOST_TIMER_MS, systemClock, withRetry } from './retry.js';
import type { HttpRequest, HttpResponse, Transport } from './transport.js';

export const DEFAULT_URL = `http://${DEFAULT_HOST}:${DEFAULT_PORT}`;
const DEFAULT_RETRY_MS = 30_000;
const DEFAULT_TIMEOUT_MS = 30_000;
/** A body gets this much longer than the deadline: a link that is slower than 64 KiB/s counts as broken. */
const BYTES_PER_MS = 64;

export interface ConnectOptions {
  /** Address of the server; `http://127.0.0.1:8245` when left out. */
  readonly url?: string | undefined;
  /** Sent as `Authorization: Bearer`, and with a tail as a subprotocol. */
  readonly token?: string | undefined;
  /**
   * How long a request is tried again while the server is away or asks for patience, in ms. Default 30,000; 0 never tries
   * again. A tail that was open once is connected again for ever.
   */
  readonly retryMs?: number | undefined;
  /** The same as long as the server has never answered at all. Default: `retryMs`. */
  readonly firstRetryMs?: number | undefined;
  /**
   * How long an answer may take to begin, besides a long poll's wait, and then to go on, in ms. Default 30,000. A slow line may
   * take longer for all of it.
   */
  readonly timeoutMs?: number | undefined;
  /** Called before each new try. */
  readonly onRetry?: ((error: RoteraError, delayMs: number) => void) | undefined;
  /** Time and chance, for tests. */
  readonly clock?: Clock | undefined;
}

/** What one call may say for itself. */
export interface CallOptions {
  /** Ends the call: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Instead of the client's own, in ms. */
  readonly retryMs?: number | undefined;
}

export interface Call extends CallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | undefined;
  /** Added to the deadline: how long the server was asked to wait, in ms. */
  readonly waitMs?: number;
}

export class Http {
  readonly url: URL;
  readonly token: string | undefined;
  readonly #options: ConnectOptions;
  readonly #clock: Clock;
  #hasAnswered = false;

  /** @throws `bad_parameter` when the address or the token is none */
  constructor(
    readonly transport: Transport,
    options: ConnectOptions,
  ) {
    this.url = parseUrl(options.url ?? DEFAULT_URL);
    this.token = checkedToken(options.token);
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** The address of a path below the server's own, with what is defined of `query`. */
  address(path: string, query: object = {}): URL {
    const url = new URL(this.url.pathname.replace(/\/$/, '') + path, this.url);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }

  /**
   * The address of a queue, or of what is below it.
   * @throws `bad_name`
   */
  queueAddress(queue: string, path = '', query: object = {}): URL {
    return this.address(`${queuePath(queue)}${path}`, query);
  }

  /** An answer that is no error, repeated as far as allowed. @throws what the server refuses, `unreachable`, `not_rotera` */
  call(method: string, url: URL, call: Call = {}): Promise<HttpResponse> {
    return this.retry(() => this.attempt(method, url, call), call);
  }

  /** Runs attempts of the caller's own, as often as allowed. */
  retry<T>(attempt: (tries: number) => Promise<T>, { signal, retryMs }: CallOptions): Promise<T> {
    const { onRetry } = this.#options;
    return withRetry(attempt, { retryMs: () => retryMs ?? this.#patienceMs, signal, onRetry }, this.#clock);
  }

  get #patienceMs(): number {
    const { retryMs = DEFAULT_RETRY_MS, firstRetryMs = retryMs } = this.#options;
    return this.#hasAnswered ? retryMs : firstRetryMs;
  }

  /** ms, by the client's clock. */
  get now(): number {
    return this.#clock.now();
  }

  /** Waits as before try `tries` of a request, 1 being the second; until `signal` aborts at most. */
  async pause(tries: number, signal?: AbortSignal): Promise<void> {
    try {
      await this.#clock.sleep(backoffMs(tries, this.#clock), signal);
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
  }

  /** To be called by whoever hears of the server in another way. */
  hasAnswered(): void {
    this.#hasAnswered = true;
  }

  /** The same, tried once. */
  async attempt(method: string, url: URL, call: Call = {}): Promise<HttpResponse> {
    const { signal, body, waitMs = 0 } = call;
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    signal?.throwIfAborted();
    const authorization = this.token === undefined ? {} : { authorization: `Bearer ${this.token}` };
    const headers = { ...authorization, ...call.headers };
    const deadline = timeoutMs + waitMs + (body?.length ?? 0) / BYTES_PER_MS;
    const response = await this.#send({ method, url, headers, body }, { deadline, timeoutMs }, signal);
    this.#hasAnswered = true;
    if (response.status >= 200 && response.status < 300) return response;
    throw answeredError(response, this.url);
  }

  /** @param times how long the answer may take to begin, and to go on after each part of it; ms */
  async #send(
    request: Omit<HttpRequest, 'signal' | 'onBytes'>,
    times: { deadline: number; timeoutMs: number },
    signal?: AbortSignal,
  ): Promise<HttpResponse> {
    // Not AbortSignal.any: it keeps what it made as long as the caller's signal lives, and that may be the whole program.
    const ending = new AbortController();
    const end = (): void => ending.abort(signal?.reason);
    if (signal !== undefined) this.transport.share?.(signal);
    signal?.addEventListener('abort', end, { once: true });
    const endIn = (ms: number): ReturnType<typeof setTimeout> => {
      const late = (): RoteraError =>
        new RoteraError('unreachable', `${this.url.origin} has not answered in ${Math.round(ms)} ms.`);
      return setTimeout(() => ending.abort(late()), Math.min(ms, MOST_TIMER_MS));
    };
    let timer = endIn(times.deadline);
    const onBytes = (): void => {
      if (ending.signal.aborted) return;
      clearTimeout(timer);
      timer = endIn(times.timeoutMs);
    };
    try {
      return await new Promise((resolve, reject) => {
        // Not left to the transport: undici hears no signal while it connects, and forgets a request whose connection is lost in
        // the moment in which it has been made.
        ending.signal.addEventListener('abort', () => reject(ending.signal.reason), { once: true });
        this.transport.request({ ...request, signal: ending.signal, onBytes }).then(resolve, reject);
      });
    } catch (cause) {
      if (signal?.aborted === true) throw signal.reason;
      if (isRoteraError(ending.signal.reason)) throw ending.signal.reason;
      throw unreachable(this.url, cause);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
    }
  }

  close(): Promise<void> {
    return this.transport.close();
  }
}

function parseUrl(text: string): URL {
  const given = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(given) ? new URL(given) : undefined;
  const details = { parameter: 'url', value: text };
  if (url !== undefined && (url.username !== '' || url.password !== '')) {
    const advice = 'An address takes no user and no password: a server knows its clients by their tokens.';
    throw new RoteraError('bad_parameter', advice, { parameter: 'url' });
  }
  if (url !== undefined && (url.search !== '' || url.hash !== '')) {
    throw new RoteraError('bad_parameter', `${text}: an address has nothing behind "?" or "#".`, details);
  }
  if (url !== undefined && /^https?:$/.test(url.protocol)) return url;
  throw new RoteraError('bad_parameter', `${text} is no address; an address looks like ${DEFAULT_URL}.`, details);
}

/** As a header can carry it. Not shown: it is a secret. */
function checkedToken(token: string | undefined): string | undefined {
  if (token === undefined || /^[\x21-\x7e]*$/.test(token)) return token;
  const accepted = 'one word of printable ASCII, as "rotera token" makes it';
  throw new RoteraError('bad_parameter', `The token is none; accepted: ${accepted}.`, { parameter: 'token', accepted });
}

/** Errors of a connection that never was: nobody there, no such name. */
const NO_CONNECTION = /^(ECONNREFUSED|ENOENT|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/;
/** OpenSSL's and Node's codes for a certificate that is not trusted, or not for this server. */
const CERTIFICATE = /CERT|SIGNATURE/;

/** Whether a request that ended with this error may have reached a server. */
export function wasSent({ code, cause }: RoteraError): boolean {
  const system = codeOf(innermost(cause));
  return code !== 'unreachable' || !(NO_CONNECTION.test(system) || CERTIFICATE.test(system));
}

/** `fetch` wraps what went wrong. */
const innermost = (thrown: unknown): unknown =>
  thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;

const codeOf = (thrown: unknown): string => (thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '');

/** No HTTP answer came. Something that does not speak HTTP at all is told apart: waiting does not mend it. */
export function unreachable(url: URL, thrown: unknown): RoteraError {
  const cause = innermost(thrown);
  const code = codeOf(cause);
  const options = { cause: thrown };
  if (code.startsWith('HPE_')) {
    const text = `What listens at ${url.origin} does not speak HTTP: is the port right?`;
    return new RoteraError('not_rotera', text, {}, options);
  }
  if (/^(EPROTO|ERR_SSL_)/.test(code)) {
    const text = `What listens at ${url.origin} does not speak TLS: is its address http:// instead?`;
    return new RoteraError('not_rotera', text, {}, options);
  }
  if (CERTIFICATE.test(code)) {
    const text = `The certificate of ${url.origin} is not trusted (${messageOf(cause)}).`;
    return new RoteraError('unreachable', text, { certificate: code }, options);
  }
  const guess = closedUnanswered(cause) && url.protocol === 'http:' ? '; perhaps its address is https://' : '';
  const text = `No server answers at ${url.origin} (${messageOf(cause) || code}${guess}).`;
  return new RoteraError('unreachable', text, {}, options);
}

/** Whether the other side closed a connection on which it had not said a word, as a TLS server does that is spoken to plainly. */
const closedUnanswered = (cause: unknown): boolean =>
  (cause as { socket?: { bytesRead?: number } } | undefined)?.socket?.bytesRead === 0;
