/**
 * The transport of Node: undici for requests and ws for tails, since both take TLS options and a Unix socket, which the
 * built-in `fetch` and `WebSocket` do not.
 */
import { setMaxListeners } from 'node:events';
import type { ClientRequestArgs, IncomingMessage } from 'node:http';
import { connect as connectSocket, isIP, type Socket as NetSocket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { Agent, request as send } from 'undici';
import { WebSocket } from 'ws';
import {
  type HttpResponse,
  joined,
  type Socket,
  type SocketListener,
  type SocketRequest,
  type Transport,
} from './transport.js';

/** How to reach a server that is not plainly on the network. */
export interface NodeOptions {
  /** Certificates to trust, PEM, instead of Node's own list: give all that are needed. */
  readonly ca?: string | Uint8Array | undefined;
  /** Takes any certificate: for trying things out. */
  readonly insecure?: boolean | undefined;
  /** Path of a Unix socket to connect to instead of the host and port of the address. */
  readonly socketPath?: string | undefined;
}

/** No answer is longer: 16 MiB of payload, each byte escaped as `\u0000` in JSON. Bounds what a foreign server can send. */
const MAX_ANSWER_BYTES = 128 * 1024 * 1024;
/** A server pings every 15 s; one that is silent for three of them is gone, and its tail is connected again. */
const SILENCE_MS = 45_000;
/** A refusal is a problem document: some hundred bytes, not this many reads of up to 64 KiB. */
const MAX_REFUSAL_PARTS = 16;

export function nodeTransport({ ca, insecure = false, socketPath }: NodeOptions = {}): Transport {
  const trust = { ...(ca === undefined ? {} : { ca: Buffer.from(ca) }), rejectUnauthorized: !insecure };
  const agent = new Agent({
    maxResponseSize: MAX_ANSWER_BYTES,
    // Every request has a deadline of its own.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { ...trust, ...(socketPath === undefined ? {} : { socketPath }) },
  });
  return {
    async request({ method, url, headers, body, signal, onBytes }) {
      const answer = await send(url, {
        dispatcher: agent,
        method: method as 'GET',
        headers,
        signal,
        ...(body === undefined ? {} : { body }),
      });
      const parts: Uint8Array[] = [];
      for await (const part of answer.body) {
        parts.push(part as Uint8Array);
        onBytes();
      }
      const header = (name: string): string | null => {
        const value = answer.headers[name];
        return value === undefined ? null : String(value);
      };
      return { status: answer.statusCode, header, body: joined(parts) };
    },
    share: (signal) => setMaxListeners(0, signal),
    openSocket: (wanted, listener) => openSocket(wanted, listener, { ...trust, socketPath }),
    close: () => agent.close(),
  };
}

interface SocketOptions {
  readonly ca?: Buffer;
  readonly rejectUnauthorized: boolean;
  readonly socketPath: string | undefined;
}

/** Connects there, whatever host an address has. (The addresses that ws has for this take neither every path nor TLS.) */
const overUnixSocket =
  (path: string, isSecure: boolean) =>
  (options: ClientRequestArgs): NetSocket => {
    if (!isSecure) return connectSocket({ path });
    const host = options.host ?? '';
    return connectTls({ ...(options as ConnectionOptions), path, servername: isIP(host) === 0 ? host : '' });
  };

function openSocket(
  { url, protocol, token }: SocketRequest,
  listener: SocketListener,
  { socketPath, ...trust }: SocketOptions,
): Socket {
  const address = new URL(url);
  address.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const way =
    socketPath === undefined ? {} : { createConnection: overUnixSocket(socketPath, url.protocol === 'https:') };
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const socket = new WebSocket(address, [protocol], { ...trust, ...way, headers, perMessageDeflate: false });
  let silence: NodeJS.Timeout | undefined;
  const heard = (): void => {
    // One that is not read hears no ping either; what had arrived before that is still given.
    if (socket.isPaused) return;
    silence ??= setTimeout(() => socket.terminate(), SILENCE_MS).unref();
    silence.refresh();
  };
  let failure: Error | undefined;
  let done = false;
  const once = (end: () => void): void => {
    clearTimeout(silence);
    if (!done) end();
    done = true;
  };
  socket.on('error', (error) => {
    failure = error;
  });
  socket.on('unexpected-response', (request, answer) => {
    const parts: Buffer[] = [];
    answer.on('data', (part: Buffer) => {
      if (parts.length < MAX_REFUSAL_PARTS) parts.push(part);
      else answer.destroy();
    });
    answer.on('end', () => once(() => listener.onRefused(refusal(answer, Buffer.concat(parts)))));
    answer.on('close', () => {
      request.destroy();
      once(() => listener.onClose(1006, 'the answer was cut short'));
    });
  });
  socket.on('open', () => {
    heard();
    listener.onOpen();
  });
  // A large message on a slow line is heard of long before it is all there. Not sooner than ws listens: a listener lets bytes flow.
  socket.on('upgrade', ({ socket: wire }) => socket.once('open', () => wire.on('data', heard)));
  socket.on('message', (data, isBinary) => {
    if (isBinary) listener.onBinary(data as Buffer);
    else listener.onText(String(data));
  });
  socket.on('close', (code, text) => once(() => listener.onClose(code, text.toString(), failure)));
  return {
    send: (text) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => socket.close(),
    terminate: () => socket.terminate(),
    pause: () => {
      clearTimeout(silence);
      silence = undefined;
      socket.pause();
    },
    resume: () => {
      socket.resume();
      heard();
    },
  };
}

const refusal = ({ statusCode = 0, headers }: IncomingMessage, body: Uint8Array): HttpResponse => ({
  status: statusCode,
  header: (name) => (headers[name] === undefined ? null : String(headers[name])),
  body,
});
