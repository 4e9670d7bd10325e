/**
 * Frames of a WebSocket as the server sends them (RFC 6455, section 5.2), encoded by ourselves: header and payload in one
 * buffer, so that many go out in one write, and one goes to many sockets.
 */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';

const FIN_TEXT = 0x81;
const FIN_BINARY = 0x82;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

function header(length: number, first: number): Buffer {
  if (length < LENGTH_16) return Buffer.from([first, length]);
  if (length < 0x1_0000) {
    const head = Buffer.from([first, LENGTH_16, 0, 0]);
    head.writeUInt16BE(length, 2);
    return head;
  }
  const head = Buffer.alloc(10);
  head[0] = first;
  head[1] = LENGTH_64;
  head.writeBigUInt64BE(BigInt(length), 2);
  return head;
}

/** A text frame. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([header(payload.length, FIN_TEXT), payload]);
}

/** A binary frame of these bytes, one behind the other. */
export function binaryFrame(parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([header(length, FIN_BINARY), ...parts]);
}

/** Text frames of ASCII texts of less than 126 characters each. */
export function shortTextFrames(texts: Iterable<string>): Buffer {
  let frames = '';
  for (const text of texts) frames += `\u0081${String.fromCharCode(text.length)}${text}`;
  return Buffer.from(frames, 'latin1');
}

/** The connection below a WebSocket: ws keeps it under this name (lib/websocket.js), and it need not be the request's own. */
export const wireOf = (socket: WebSocket): Socket => (socket as unknown as { readonly _socket: Socket })._socket;

/**
 * Writes encoded frames to an open socket. ws writes each of its own frames in one go, so that the two can take turns.
 * @param wire the connection below it
 * @returns undefined when the system has taken all of it, as it does while the peer keeps up; else when it will have
 * @throws when the socket is not open, or is closed first
 */
export function writeFrames(socket: WebSocket, wire: Socket, frames: Buffer): Promise<void> | undefined {
  if (socket.readyState !== socket.OPEN) throw new Error('The socket is closed.');
  let taken: ((error?: Error | null) => void) | undefined;
  wire.write(frames, (error) => taken?.(error));
  if (wire.writableLength === 0) return undefined;
  return new Promise((resolve, reject) => {
    taken = (error) => (error ? reject(error) : resolve());
  });
}
