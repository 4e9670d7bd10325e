/**
 * A server in the test's own process, on a port of its own, and requests to it over two transports.
 */
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { connect, type RoteraClient } from '../../src/client/node.js';
import type { Queues } from '../../src/queue/queues.js';
import { type AppOptions, buildApp } from '../../src/server/app.js';
import { Metrics } from '../../src/server/metrics.js';
import { openQueues } from './queues.js';

export interface Request {
  readonly method?: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'PATCH' | 'OPTIONS';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** The body as JSON. */
  readonly json: Record<string, unknown>;
}

export type Send = (request: Request) => Promise<Response>;

export interface Server {
  readonly app: FastifyInstance;
  readonly queues: Queues;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly client: RoteraClient;
  readonly send: Send;
}

function response(status: number, headers: Response['headers'], body: Buffer): Response {
  return {
    status,
    headers,
    body,
    get json() {
      return JSON.parse(body.toString()) as Record<string, unknown>;
    },
  };
}

/** A request over a real connection. */
export const sendOverHttp =
  (url: string): Send =>
  async ({ method = 'GET', path, headers = {}, body }) => {
    const answer = await fetch(new URL(path, url), {
      method,
      headers,
      body: (body as Uint8Array<ArrayBuffer>) ?? null,
    });
    return response(answer.status, Object.fromEntries(answer.headers), Buffer.from(await answer.arrayBuffer()));
  };

/** A request without a connection. */
export const sendInProcess =
  (app: FastifyInstance): Send =>
  async ({ method = 'GET', path, headers = {}, body }) => {
    const payload = typeof body === 'string' || body === undefined ? body : Buffer.from(body);
    const answer = await app.inject({ method, url: path, headers, ...(payload === undefined ? {} : { payload }) });
    return response(answer.statusCode, answer.headers as Response['headers'], answer.rawPayload);
  };

export interface ServerOptions {
  readonly directory?: string;
  readonly now?: () => number;
  /** Anything else of the application. */
  readonly app?: Omit<Partial<AppOptions>, 'queues' | 'metrics' | 'now'>;
  /** Called before the application is ready. */
  readonly prepare?: (app: FastifyInstance) => void;
}

/** Serves a directory of its own, or the one given, until the end of the test. */
export async function startServer(t: Test, options: ServerOptions = {}): Promise<Server> {
  const { directory = t.testdir(), now = Date.now } = options;
  const metrics = new Metrics();
  const queues = await openQueues(t, directory, now, { onCommit: metrics.committed });
  const app = await buildApp({ ...options.app, queues, metrics, now });
  t.teardown(() => app.close());
  options.prepare?.(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  return { app, queues, url, client: connect({ url }), send: sendOverHttp(url) };
}

/** Runs the same suite over real HTTP and in the process. */
export function contract(t: Test, name: string, suite: (t: Test, server: Server) => Promise<void>): void {
  t.test(`${name}, over HTTP`, async (t) => suite(t, await startServer(t)));
  t.test(`${name}, in process`, async (t) => {
    const server = await startServer(t);
    await suite(t, { ...server, send: sendInProcess(server.app) });
  });
}

/** What every refusal looks like: a problem document with this status and code, and nothing of our insides. */
export function isProblem(t: Test, answer: Response, status: number, code: string, details: object = {}): void {
  t.equal(answer.status, status, `${code}: status`);
  t.equal(answer.headers['content-type']?.split(';')[0], 'application/problem+json', `${code}: media type`);
  t.equal(answer.headers['x-content-type-options'], 'nosniff', `${code}: nosniff`);
  const { title, detail, retryable, ...problem } = answer.json;
  t.match(problem, { type: `urn:rotera:${code}`, status, code, ...details }, `${code}: problem`);
  t.match({ title, detail, retryable }, { title: String, detail: String, retryable: Boolean }, `${code}: members`);
  t.notMatch(answer.body.toString(), /\bat .*\.[jt]s:\d|node_modules|\/src\/|FST_ERR/, `${code}: no insides`);
  t.equal(answer.headers['retry-after'] !== undefined, retryable, `${code}: Retry-After exactly when it helps`);
}
