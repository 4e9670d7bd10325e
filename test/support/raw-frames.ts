/**
 * Frames of a WebSocket as bytes (RFC 6455, section 5.2): those of a client well formed or not, those of a server parsed.
 */
import { randomBytes } from 'node:crypto';
import { RawConnection } from './raw.js';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  /** Whether it is the last of its message; true unless said otherwise. */
  readonly fin?: boolean;
  /** The three reserved bits, 0 to 7. */
  readonly rsv?: number;
  /** Undefined for a frame without a mask. */
  readonly mask?: Buffer | undefined;
  /** How the length is written: in 7, 16 or 64 bits; the shortest unless said otherwise. */
  readonly lengthBits?: 7 | 16 | 64;
  /** The length that is claimed. */
  readonly length?: bigint;
}

/** One frame of a client. */
export function frame(opcode: number, payload: string | Buffer = '', options: FrameOptions = {}): Buffer {
  const bytes = Buffer.from(payload);
  const mask = 'mask' in options ? options.mask : randomBytes(4);
  const length = options.length ?? BigInt(bytes.length);
  const bits = options.lengthBits ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64);
  const first = ((options.fin ?? true) ? 0x80 : 0) | ((options.rsv ?? 0) << 4) | opcode;
  const head = Buffer.from([
    first,
    (mask === undefined ? 0 : 0x80) | (bits === 7 ? Number(length) : bits === 16 ? 126 : 127),
  ]);
  const wide = Buffer.alloc(8);
  wide.writeBigUInt64BE(length);
  const body = Buffer.from(bytes.map((byte, i) => byte ^ (mask?.[i % 4] ?? 0)));
  return Buffer.concat([
    head,
    bits === 7 ? Buffer.alloc(0) : wide.subarray(8 - bits / 8),
    mask ?? Buffer.alloc(0),
    body,
  ]);
}

/** A close frame with a code. */
export function closeFrame(code: number, reason: string | Buffer = ''): Buffer {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return frame(OPCODE.close, Buffer.concat([head, Buffer.from(reason)]));
}

export interface ParsedFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** The whole frames among bytes of a server, or of a client: without their masks. */
function framesOf(bytes: Buffer): ParsedFrame[] {
  const frames: ParsedFrame[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const [first, second] = [bytes[at] as number, bytes[at + 1] as number];
    const short = second & 0x7f;
    const wide = short < 126 ? 2 : short === 126 ? 4 : 10;
    const head = wide + (second > 0x7f ? 4 : 0);
    if (at + head > bytes.length) break;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if (at + head + length > bytes.length) break;
    const mask = bytes.subarray(at + wide, at + head);
    const body = bytes.subarray(at + head, at + head + length);
    frames.push({ opcode: first & 15, payload: Buffer.from(body.map((byte, i) => byte ^ (mask[i % 4] ?? 0))) });
    at += head + length;
  }
  return frames;
}

/** Codes of the close frames among bytes of a client: whoever is closed with one may answer with the same (RFC 6455, section 5.5.1). */
export const closeCodes = (bytes: Buffer): number[] =>
  framesOf(bytes).flatMap(({ opcode, payload }) =>
    opcode === OPCODE.close && payload.length >= 2 ? [payload.readUInt16BE(0)] : [],
  );

/** An upgraded connection that says any bytes. */
export class RawSocket {
  private constructor(
    readonly connection: RawConnection,
    readonly begin: number,
  ) {}

  static async open(port: number, path: string): Promise<RawSocket> {
    const connection = await RawConnection.to(port);
    const key = randomBytes(16).toString('base64');
    connection.socket.write(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
    );
    await connection.until(() => connection.heard.includes('\r\n\r\n'));
    return new RawSocket(connection, connection.heard.indexOf('\r\n\r\n') + 4);
  }

  send(bytes: Buffer): void {
    this.connection.socket.write(bytes);
  }

  get frames(): ParsedFrame[] {
    return framesOf(this.connection.heard.subarray(this.begin));
  }

  payloads(opcode: number): string[] {
    return this.frames.filter((one) => one.opcode === opcode).map(({ payload }) => payload.toString('latin1'));
  }

  /** Code of the close frame that came: 1005 for one without a code, undefined when none came. */
  get closeCode(): number | undefined {
    const close = this.frames.find(({ opcode }) => opcode === OPCODE.close)?.payload;
    return close === undefined ? undefined : close.length < 2 ? 1005 : close.readUInt16BE(0);
  }
}
