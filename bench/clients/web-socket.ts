/**
 * WebSockets as bytes: frames encoded once (with the mask 0, which leaves the payload as it is), incoming frames counted.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Script } from '../script.js';
import { Connection, openSocket } from './connection.js';
import { httpRequest } from './http.js';

const FIN_BINARY = 0x82;
/** What says that a client is there, asked or not (RFC 6455, section 5.5.3). */
export const PONG_EMPTY = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const TEXT = 0x1;
const PING = 0x9;

/** A client's frame. */
export function webSocketFrame(payload: Uint8Array): Buffer {
  const { length } = payload;
  const head =
    length < 126
      ? [FIN_BINARY, 0x80 | length]
      : length < 65_536
        ? [FIN_BINARY, 0x80 | 126, length >> 8, length & 255]
        : [FIN_BINARY, 0x80 | 127, 0, 0, 0, 0, length >>> 24, (length >> 16) & 255, (length >> 8) & 255, length & 255];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), payload]);
}

/** Reads whole frames out of a stream; calls `onFrame` for each that is no ping. */
export function frameReader(
  socket: Socket,
  onFrame: (payload: Buffer, isText: boolean) => void,
): (piece: Buffer) => number {
  let rest: Buffer = Buffer.alloc(0);
  return (piece) => {
    let bytes = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let frames = 0;
    while (bytes.length >= 2) {
      const short = (bytes[1] as number) & 127;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length < head) break;
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
      if (bytes.length < head + length) break;
      const kind = (bytes[0] as number) & 15;
      if (kind === PING) socket.write(PONG_EMPTY);
      else {
        onFrame(bytes.subarray(head, head + length), kind === TEXT);
        frames++;
      }
      bytes = bytes.subarray(head + length);
    }
    rest = bytes;
    return frames;
  };
}

/** An upgraded socket. @param protocol the subprotocol @throws when the upgrade is refused */
export async function upgrade(port: number, path: string, protocol: string): Promise<Socket> {
  const socket = await openSocket(port);
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
    'Sec-WebSocket-Protocol': protocol,
  };
  socket.write(httpRequest('GET', path, headers));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  const end = answer.indexOf('\r\n\r\n') + 4;
  if (!answer.toString('latin1').startsWith('HTTP/1.1 101')) throw new Error(`No upgrade: ${answer.toString()}`);
  if (end < answer.length) socket.unshift(answer.subarray(end));
  return socket;
}

const FIRST = Buffer.from('{"first"');

/** A connection whose operations are the frames of `script`; each is answered with ids. */
export async function pushSocket(port: number, path: string, protocol: string, script: Script): Promise<Connection> {
  const socket = await upgrade(port, path, protocol);
  const read = frameReader(socket, (frame) => {
    if (frame.compare(FIRST, 0, FIRST.length, 0, FIRST.length) !== 0) throw new Error(`Refused: ${frame.toString()}`);
  });
  return new Connection(socket, script, read);
}
