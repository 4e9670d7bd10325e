/**
 * One contract, several transports: a server that is asked in the process itself, or over real connections.
 */
import { EventEmitter, once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import type { Queues } from '../../src/queue/queues.js';
import { type AppOptions, buildApp } from '../../src/server/app.js';
import { Events } from './events.js';
import { Peer } from './peer.js';
import { openQueues } from './queues.js';
import { note } from './seen.js';
import type { Request, Response, Send } from './server.js';

export interface WireOptions extends Omit<AppOptions, 'queues'> {
  readonly directory?: string;
  /** Path of a Unix socket to listen on. */
  readonly socket?: string;
  /** Called before the application is ready. */
  readonly prepare?: (app: FastifyInstance) => void;
}

export interface SocketOptions {
  readonly protocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

/** A server, and how to ask it. */
export interface Wire {
  readonly app: FastifyInstance;
  readonly queues: Queues;
  readonly send: Send;
  /** Opens a WebSocket. @throws {@link Refused} */
  readonly open: (path: string, options?: SocketOptions) => Promise<Peer>;
  /** Opens a stream of server-sent events. @throws {@link Refused} */
  readonly events: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Events>;
}

/** A server that listens. */
export interface RealWire extends Wire {
  readonly port: number;
  readonly url: string;
}

/** What was answered instead of an upgrade or a stream. The body is known over real connections only. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly answer?: Response,
  ) {
    super(`refused with ${status}`);
  }
}

export type Start<W extends Wire = Wire> = (t: Test, options?: WireOptions) => Promise<W>;

async function build(t: Test, options: WireOptions): Promise<Pick<Wire, 'app' | 'queues'>> {
  const { directory, socket, prepare, ...rest } = options;
  const queues = await openQueues(t, directory ?? t.testdir(), options.now);
  const app = await buildApp({ queues, ...rest });
  prepare?.(app);
  t.teardown(() => app.close());
  return { app, queues };
}

function answerOf(status: number, headers: IncomingHttpHeaders, body: Buffer): Response {
  note(body.toString());
  const single = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value?.toString()]));
  return {
    status,
    headers: single,
    body,
    get json() {
      return JSON.parse(body.toString()) as Record<string, unknown>;
    },
  };
}

const bytesOf = (body: Request['body']): Buffer | undefined => (body === undefined ? undefined : Buffer.from(body));

/** The server's end of an upgraded connection in the process, as the request knows it before it is upgraded. */
class ServerEnd extends EventEmitter {
  stream: Duplex | undefined;

  get writableLength(): number {
    return this.stream?.writableLength ?? 0;
  }

  write(chunk: Buffer, done: (error?: Error | null) => void): boolean | undefined {
    return this.stream?.write(chunk, done);
  }
}

/** An injected answer does not notice that its reader has gone: it is told, as the connection would. */
function tellGone(app: FastifyInstance): void {
  app.addHook('onRequest', (_request, { raw }, done) => {
    const injected = (raw as unknown as { _lightMyRequest?: { stream?: Readable } })._lightMyRequest;
    injected?.stream?.once('close', () => raw.emit('close'));
    done();
  });
}

/** Asks without a connection. */
export const startInProcess: Start = async (t, options = {}) => {
  const prepare = (app: FastifyInstance): void => {
    tellGone(app);
    options.prepare?.(app);
  };
  const { app, queues } = await build(t, { ...options, prepare });
  await app.ready();
  app.websocketServer.on('connection', (server, { socket }) => {
    (socket as unknown as ServerEnd).stream = (server as unknown as { _socket: Duplex })._socket;
  });
  // A server that listens keeps the process alive; a wait alone does not.
  const alive = setInterval(() => undefined, 60_000);
  t.teardown(() => clearInterval(alive));
  const inject = async ({ method = 'GET', path, headers = {}, body }: Request, payloadAsStream = false) => {
    const payload = bytesOf(body);
    return await app.inject({
      method,
      url: path,
      headers: { host: 'localhost', ...headers },
      payloadAsStream,
      ...(payload === undefined ? {} : { payload }),
    });
  };
  const send: Send = async (request) => {
    const answer = await inject(request);
    return answerOf(answer.statusCode, answer.headers as IncomingHttpHeaders, answer.rawPayload);
  };
  const open: Wire['open'] = async (path, { protocols = [], headers = {} } = {}) => {
    const all = {
      host: 'localhost',
      ...headers,
      ...(protocols.length > 0 ? { 'sec-websocket-protocol': protocols.join(', ') } : {}),
    };
    let peer: Peer | undefined;
    // The request has what a real one would have.
    const context = { headers: all, rawHeaders: Object.entries(all).flat(), socket: new ServerEnd() };
    const onInit = (socket: unknown): void => {
      peer = new Peer(t, socket as WebSocket);
    };
    try {
      await app.injectWS(path, context as object, { onInit } as object);
    } catch (error) {
      throw new Refused(Number(/\d{3}$/.exec(String(error))?.[0]));
    }
    return peer!;
  };
  const events: Wire['events'] = async (path, headers = {}) => {
    const answer = await inject({ path, headers }, true);
    const stream = answer.stream() as Readable;
    const head = answer.headers as IncomingHttpHeaders;
    if (answer.statusCode !== 200) {
      throw new Refused(answer.statusCode, answerOf(answer.statusCode, head, Buffer.concat(await stream.toArray())));
    }
    return new Events(t, head, stream);
  };
  return { app, queues, send, open, events };
};

/** Asks over real connections. */
export const startListening: Start<RealWire> = async (t, options = {}) => {
  const { app, queues } = await build(t, options);
  const { socket, tls } = options;
  await app.listen(socket === undefined ? { host: '127.0.0.1', port: 0 } : { path: socket });
  const { port } = (socket === undefined ? app.server.address() : { port: 0 }) as AddressInfo;
  const scheme = tls === undefined ? 'http' : 'https';
  const place = socket === undefined ? { host: '127.0.0.1', port } : { socketPath: socket };
  const url = `${scheme}://localhost:${port}`;
  const begin = async ({ method = 'GET', path, headers = {}, body }: Request) => {
    const request = (tls === undefined ? httpRequest : httpsRequest)({
      ...place,
      method,
      path,
      headers: { host: `localhost:${port}`, ...headers },
      rejectUnauthorized: false,
    });
    request.end(bytesOf(body));
    const [answer] = await once(request, 'response');
    return answer;
  };
  const send: Send = async (request) => {
    const answer = await begin(request);
    return answerOf(answer.statusCode, answer.headers, Buffer.concat(await answer.toArray()));
  };
  const open: Wire['open'] = async (path, { protocols = [], headers = {} } = {}) => {
    const address = `${url.replace('http', 'ws')}${path}`;
    const client = new WebSocket(address, [...protocols], { ...place, headers, rejectUnauthorized: false } as object);
    const peer = new Peer(t, client);
    await new Promise<void>((resolve, reject) => {
      client.once('open', resolve).once('error', reject);
      client.once('unexpected-response', async (_request, answer) => {
        const body = Buffer.concat(await answer.toArray());
        reject(new Refused(answer.statusCode ?? 0, answerOf(answer.statusCode ?? 0, answer.headers, body)));
        client.terminate();
      });
    });
    return peer;
  };
  const events: Wire['events'] = async (path, headers = {}) => {
    const answer = await begin({ path, headers });
    if (answer.statusCode !== 200) {
      const body = Buffer.concat(await answer.toArray());
      throw new Refused(answer.statusCode, answerOf(answer.statusCode, answer.headers, body));
    }
    return new Events(t, answer.headers, answer);
  };
  return { app, queues, send, open, events, port, url };
};

/** The refusal that a promise ends with. */
export async function refusal(promise: Promise<unknown>): Promise<Refused> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
