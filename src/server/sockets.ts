/**
 * What all WebSockets of the server have in common.
 */
import type { IncomingMessage } from 'node:http';
import type { WebSocket, WebSocketServer } from 'ws';
import { RoteraError } from '../errors.js';
import { BATCH_PROTOCOL, TEXT_PROTOCOL } from '../protocol/api.js';
import { wireOf } from './frames.js';
import type { ServerLimits } from './limits.js';
import { whenStalled } from './stalled.js';

/** Close codes: RFC 6455, section 7.4.1; those from 4000 on are ours. */
export const CLOSE = { goingAway: 1001, refused: 1008, tooLarge: 1009, internal: 1011, queueEnded: 4410 } as const;

/** A peer that has said nothing to so many pings is cut. */
const SILENT_PINGS = 2;
const VERSION = '13';
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;
/** Tokens of RFC 9110 with commas between. */
const PROTOCOLS = /^[ \t]*[!#$%&'*+.^_`|~\w-]+([ \t]*,[ \t]*[!#$%&'*+.^_`|~\w-]+)*[ \t]*$/;

/** Pings that each socket has not answered yet. */
const silent = new WeakMap<WebSocket, number>();
/** The longest message of each socket that is to be, by its request, where it is shorter than usual. */
const longest = new WeakMap<IncomingMessage, number>();
/** To be called before the upgrade: then the socket takes no longer messages than so many bytes. */
export const boundMessages = (request: IncomingMessage, bytes: number): void => void longest.set(request, bytes);

/** Bounds the messages of every socket. ws takes the bound from its options as it makes a socket, right behind this event. */
export function boundEach(server: WebSocketServer, mostBytes: number): void {
  server.on('headers', (_headers, request) => {
    server.options.maxPayload = Math.min(mostBytes, longest.get(request) ?? mostBytes);
  });
}

/** Something was heard of a peer, or it has taken something. */
export const heard = (socket: WebSocket): void => void silent.set(socket, 0);

/** Sends a text. Resolves when the system has taken it. @throws when the socket is closed first */
export function send(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve, reject) => socket.send(text, (error) => (error ? reject(error) : resolve())));
}

/** The subprotocol to speak, of those offered: a token's is none. */
export const chooseProtocol = (offered: ReadonlySet<string>): string | false =>
  [BATCH_PROTOCOL, TEXT_PROTOCOL].find((protocol) => offered.has(protocol)) ?? false;

/**
 * Checks an opening handshake (RFC 6455, section 4.2.1) where ws would let it pass or refuse it in a form of its own.
 * @param accepted whether there is a WebSocket at this URL
 * @throws `bad_parameter`; `upgrade_required` for another version of the protocol
 */
export function checkHandshake({ headers, method, httpVersion }: IncomingMessage, accepted: boolean): void {
  const upgrade = headers.upgrade?.toLowerCase();
  if (!accepted || upgrade !== 'websocket' || method !== 'GET' || httpVersion !== '1.1')
    throw bad('Upgrade', 'websocket, with a GET of HTTP/1.1 to …/tail or …/push; leave it out elsewhere');
  // Older versions say their Origin in another header.
  if (String(headers['sec-websocket-version']) !== VERSION)
    throw new RoteraError('upgrade_required', `Version ${VERSION} of the WebSocket protocol is spoken here.`);
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) throw bad('Sec-WebSocket-Key', '16 bytes in base64');
  const offered = headers['sec-websocket-protocol'];
  if (offered === undefined) return;
  const names = new Set(offered.split(',').map((name) => name.trim()));
  const isList = PROTOCOLS.test(offered) && names.size === offered.split(',').length;
  // A browser gives up on a server that speaks none of what it offered, without a word.
  if (!isList || chooseProtocol(names) === false)
    throw bad('Sec-WebSocket-Protocol', `a list with ${TEXT_PROTOCOL} or ${BATCH_PROTOCOL} in it, each name once`);
}

function bad(parameter: string, accepted: string): RoteraError {
  return new RoteraError('bad_parameter', `${parameter}: accepted: ${accepted}.`, { parameter, accepted });
}

/**
 * Pings every socket now and then, and cuts those that are silent; of one that something waits for, those that take nothing of it.
 * Answers how to stop. @param onCut called for each that is cut
 */
export function keepAlive(
  server: WebSocketServer,
  { heartbeatMs, stalledMs }: Pick<ServerLimits, 'heartbeatMs' | 'stalledMs'>,
  onCut: (reason: 'silent' | 'stalled') => void,
): () => void {
  server.on('connection', (socket) => {
    heard(socket);
    socket.on('pong', () => heard(socket)).on('message', () => heard(socket));
    whenStalled(wireOf(socket), stalledMs, () => {
      if (socket.bufferedAmount === 0) return;
      socket.terminate();
      onCut('stalled');
    });
  });
  const timer = setInterval(() => {
    for (const socket of server.clients) {
      // A ping would wait behind the rest, and pile up for those that read nothing and say that they are there.
      if (socket.bufferedAmount > 0) continue;
      const pings = silent.get(socket) ?? 0;
      // One that we do not listen to ourselves at the moment cannot be heard.
      if (pings >= SILENT_PINGS && !socket.isPaused) {
        socket.terminate();
        onCut('silent');
      } else {
        silent.set(socket, pings + 1);
        socket.ping();
      }
    }
  }, heartbeatMs);
  timer.unref();
  return () => clearInterval(timer);
}
