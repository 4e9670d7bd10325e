/**
 * The typed client: the five operations over HTTP. Used by the command line and by the tests.
 */
import type { Batch } from '../batch.js';
import { type ErrorCode, errorCodes, isRoteraError, messageOf, RoteraError } from '../errors.js';
import type { ListBody, PushBody, ReadBody, StatBody, TailFrame } from '../protocol/answers.js';
import { BATCH_TYPE, DEFAULT_HOST, DEFAULT_PORT, JSON_TYPE } from '../protocol/api.js';

export const DEFAULT_URL = `http://${DEFAULT_HOST}:${DEFAULT_PORT}`;

/** Limits of a queue to create; what is left out gets the server's default. */
export interface CreateOptions {
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  readonly maxAgeSeconds?: number | null;
  readonly maxMessageBytes?: number;
  readonly reserve?: boolean;
}

export interface ReadRequest {
  /** As in the contract: an id, -N, oldest, next. */
  readonly from?: string | number;
  readonly to?: number;
  readonly limit?: number;
  readonly maxBytes?: number;
  /** Seconds to wait for a first message. */
  readonly wait?: number;
}

/** A piece of a queue as the stored bytes. */
export interface BatchAnswer {
  readonly first: number;
  /** Where to read from afterwards. */
  readonly next: number;
  readonly upToDate: boolean;
  /** Ids asked for that are no more, `[from, to)`. */
  readonly gap: { readonly from: number; readonly to: number } | null;
  readonly records: Uint8Array;
}

export interface ClientOptions {
  /** Address of the server, such as `http://127.0.0.1:8245`. */
  readonly url?: string;
}

/** A client of one server. Holds no connection between requests but those that the platform keeps. */
export class RoteraClient {
  readonly #url: URL;

  constructor(options: ClientOptions = {}) {
    const url = options.url ?? DEFAULT_URL;
    try {
      this.#url = new URL(url.includes('://') ? url : `http://${url}`);
    } catch (cause) {
      const text = `${url} is no address; an address looks like ${DEFAULT_URL}.`;
      throw new RoteraError('bad_parameter', text, { parameter: 'url', value: url }, { cause });
    }
  }

  get url(): string {
    return this.#url.origin;
  }

  /** Makes a queue, or finds it when it is there with the same limits. */
  async create(queue: string, options: CreateOptions = {}): Promise<StatBody> {
    const response = await this.#fetch('PUT', this.#path(queue), { body: JSON.stringify(options) });
    return (await response.json()) as StatBody;
  }

  /** Appends a batch, whole; durable when this resolves. */
  async push(queue: string, batch: Batch): Promise<PushBody> {
    const response = await this.#fetch('POST', this.#path(queue, '/messages'), {
      body: batch.records as Uint8Array<ArrayBuffer>,
      headers: { 'content-type': BATCH_TYPE },
    });
    return (await response.json()) as PushBody;
  }

  async read(queue: string, request: ReadRequest = {}, signal?: AbortSignal): Promise<ReadBody> {
    const path = this.#path(queue, '/messages', request);
    const response = await this.#fetch('GET', path, { headers: { accept: JSON_TYPE }, signal: signal ?? null });
    return (await response.json()) as ReadBody;
  }

  /** Reads the stored bytes, without a look at each message. */
  async readBatch(queue: string, request: ReadRequest = {}, signal?: AbortSignal): Promise<BatchAnswer> {
    const path = this.#path(queue, '/messages', request);
    const { headers, ...response } = await this.#fetchBytes(path, signal);
    const gap = headers.get('rotera-gap')?.split('-').map(Number);
    return {
      first: Number(headers.get('rotera-first')),
      next: Number(headers.get('rotera-read-next')),
      upToDate: headers.get('rotera-up-to-date') === 'true',
      gap: gap === undefined ? null : { from: gap[0] as number, to: gap[1] as number },
      records: response.body,
    };
  }

  async stat(queue: string): Promise<StatBody> {
    return (await (await this.#fetch('GET', this.#path(queue))).json()) as StatBody;
  }

  async list(): Promise<ListBody> {
    return (await (await this.#fetch('GET', '/queues')).json()) as ListBody;
  }

  /** Follows a queue over a WebSocket. Ends when the server closes or `signal` aborts. @throws what the server refuses */
  async *tail(
    queue: string,
    request: { readonly from?: string | number } = {},
    signal?: AbortSignal,
  ): AsyncGenerator<TailFrame> {
    // The server says before the upgrade why it refuses, but a WebSocket does not show it: a read from there does.
    await this.read(queue, { from: request.from ?? 'next', limit: 1 });
    const url = new URL(this.#path(queue, '/tail', request), this.#url);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const Socket = globalThis.WebSocket ?? ((await import('ws')).WebSocket as unknown as typeof WebSocket);
    const socket = new Socket(url.href);
    const frames: TailFrame[] = [];
    let wake = (): void => undefined;
    let ended: RoteraError | 'closed' | undefined;
    socket.onmessage = ({ data }) => {
      frames.push(JSON.parse(String(data)) as TailFrame);
      wake();
    };
    socket.onerror = () => {
      ended ??= new RoteraError('unreachable', `The tail of ${queue} at ${this.url} broke off.`);
      wake();
    };
    socket.onclose = () => {
      ended ??= 'closed';
      wake();
    };
    const abort = (): void => socket.close();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      while (true) {
        const frame = frames.shift();
        if (frame !== undefined) yield frame;
        else if (ended !== undefined) break;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
      if (isRoteraError(ended) && signal?.aborted !== true) throw ended;
    } finally {
      signal?.removeEventListener('abort', abort);
      socket.close();
    }
  }

  #path(queue: string, rest = '', query: object = {}): string {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
    const search = parameters.size > 0 ? `?${parameters}` : '';
    return `/queues/${encodeURIComponent(queue)}${rest}${search}`;
  }

  async #fetchBytes(path: string, signal?: AbortSignal): Promise<{ headers: Headers; body: Uint8Array }> {
    const response = await this.#fetch('GET', path, { headers: { accept: BATCH_TYPE }, signal: signal ?? null });
    return { headers: response.headers, body: new Uint8Array(await response.arrayBuffer()) };
  }

  async #fetch(method: string, path: string, init: RequestInit = {}): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(new URL(path, this.#url), { method, ...init });
    } catch (cause) {
      if (init.signal?.aborted === true) throw cause;
      const reason = messageOf((cause as Error).cause ?? cause);
      const text = `No server answers at ${this.url} (${reason}). Start one with "rotera serve", or name another with --url.`;
      throw new RoteraError('unreachable', text, {}, { cause });
    }
    if (response.ok) return response;
    throw await errorOf(response);
  }
}

/** The error that a problem document stands for. */
async function errorOf(response: Response): Promise<RoteraError> {
  const text = await response.text();
  try {
    const { code, detail, type, title, status, retryable, ...details } = JSON.parse(text);
    if (errorCodes.includes(code)) return new RoteraError(code as ErrorCode, String(detail), details);
  } catch {
    // Not our own answer: a proxy's, or another server's. Said below.
  }
  return new RoteraError(
    'internal',
    `The server answered ${response.status} ${response.statusText}: ${text.slice(0, 200)}`,
  );
}
