/**
 * What all WebSockets of the server have in common.
 */
import type { WebSocket, WebSocketServer } from 'ws';
import { BATCH_PROTOCOL, TEXT_PROTOCOL } from '../protocol/api.js';

/** Close codes: RFC 6455, section 7.4.1; those from 4000 on are ours. */
export const CLOSE = { goingAway: 1001, refused: 1008, tooLarge: 1009, internal: 1011, queueEnded: 4410 } as const;

/** A ping is sent each time so long has passed. */
const HEARTBEAT_MS = 15_000;
/** A peer that has said nothing to so many pings is cut. */
const SILENT_PINGS = 2;

/** Resolves when the socket has handed the frame to the system: a slow peer holds one frame. Buffers that hold text go as text. */
export function send(socket: WebSocket, frame: string | Buffer): Promise<void> {
  const binary = typeof frame !== 'string' && socket.protocol === BATCH_PROTOCOL;
  return new Promise((resolve, reject) =>
    socket.send(frame, { binary }, (error) => (error ? reject(error) : resolve())),
  );
}

/** The subprotocol to speak, of those offered: a token's is none. */
export const chooseProtocol = (offered: ReadonlySet<string>): string | false =>
  [BATCH_PROTOCOL, TEXT_PROTOCOL].find((protocol) => offered.has(protocol)) ?? false;

/** Pings every socket now and then, and cuts those that are silent. Answers how to stop. */
export function keepAlive(server: WebSocketServer): () => void {
  const silent = new WeakMap<WebSocket, number>();
  server.on('connection', (socket) => {
    silent.set(socket, 0);
    const heard = (): void => void silent.set(socket, 0);
    socket.on('pong', heard).on('message', heard);
  });
  const timer = setInterval(() => {
    for (const socket of server.clients) {
      const pings = silent.get(socket) ?? 0;
      if (pings >= SILENT_PINGS) socket.terminate();
      else {
        silent.set(socket, pings + 1);
        socket.ping();
      }
    }
  }, HEARTBEAT_MS);
  timer.unref();
  return () => clearInterval(timer);
}
