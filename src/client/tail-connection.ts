/**
 * One WebSocket of a tail: its frames, one after the other, as fast as they are taken.
 */
import { RoteraError } from '../errors.js';
import type { TailFrame } from '../protocol/answers.js';
import { answeredError } from './answered-error.js';
import { unreachable } from './http.js';
import { type Message, messagesOfBodies, messagesOfRecords } from './message.js';
import type { Socket, SocketRequest, Transport } from './transport.js';

/** Bytes in front of the records of a binary frame: first id, time, count, zero. */
const FRAME_HEADER_BYTES = 24;
/** Frames that wait for the consumer are bounded by this; beyond it the network is not read. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** A server that takes the connection but does not answer in this time is taken for away. */
const OPEN_MS = 30_000;
/** How long the closing handshake may take, so that acks that were sent arrive. */
const CLOSE_MS = 2000;

type OpenFrame = Extract<TailFrame, { type: 'open' }>;
/** As the wire says it, with the messages decoded. */
export type Frame =
  | Exclude<TailFrame, { type: 'messages' | 'open' }>
  | { readonly type: 'messages'; readonly messages: readonly Message[] };

export class TailConnection {
  // Runtime.
  #socket: Socket;
  #waiting: Array<string | Uint8Array> = [];
  #waitingBytes = 0;
  #paused = false;
  #discarding = false;
  #closed = false;
  /** Set when the server refused, or when it never opened. */
  #error: RoteraError | undefined;
  #wake: () => void = () => undefined;

  private constructor(
    transport: Transport,
    readonly request: SocketRequest,
  ) {
    this.#socket = transport.openSocket(request, {
      onOpen: () => undefined,
      onText: (text) => this.#take(text),
      onBinary: (bytes) => this.#take(bytes),
      onRefused: (response) => this.#end(answeredError(response, request.url)),
      onClose: (_code, reason, cause) => {
        if (reason === '' && cause !== undefined) {
          this.#end(unreachable(request.url, cause));
          return;
        }
        const text = `No server answers at ${request.url.origin}${reason === '' ? '' : ` (${reason})`}.`;
        this.#end(new RoteraError('unreachable', text));
      },
    });
  }

  /**
   * A connection that the server has taken, and the frame that it began with.
   * @throws what the server refuses; `unreachable`; the signal's reason
   */
  static async open(
    transport: Transport,
    request: SocketRequest,
    signal?: AbortSignal,
  ): Promise<{ connection: TailConnection; open: OpenFrame }> {
    signal?.throwIfAborted();
    const connection = new TailConnection(transport, request);
    const abort = (): void => connection.#socket.terminate();
    const timer = setTimeout(abort, OPEN_MS);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const frame = await connection.#nextFrame();
      signal?.throwIfAborted();
      if (frame?.type === 'open') return { connection, open: frame };
      connection.#socket.terminate();
      throw connection.#error ?? new RoteraError('not_rotera', `What answers at ${request.url.origin} is no tail.`);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** The next frame, or undefined when the connection has ended. */
  async next(): Promise<Frame | undefined> {
    while (true) {
      const frame = await this.#nextFrame();
      if (frame === undefined || frame.type !== 'open') return frame;
    }
  }

  async #nextFrame(): Promise<Frame | OpenFrame | undefined> {
    while (this.#waiting.length === 0) {
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const data = this.#waiting.shift() as string | Uint8Array;
    this.#waitingBytes -= data.length;
    if (this.#paused && this.#waitingBytes < MAX_WAITING_BYTES / 2) {
      this.#paused = false;
      this.#socket.resume?.();
    }
    return decode(data);
  }

  #take(data: string | Uint8Array): void {
    if (this.#discarding) return;
    this.#waiting.push(data);
    this.#waitingBytes += data.length;
    this.#wake();
    if (this.#waitingBytes < MAX_WAITING_BYTES || this.#paused) return;
    this.#paused = true;
    if (this.#socket.pause !== undefined) this.#socket.pause();
    // Where the network cannot be left unread, the connection ends here; a new one goes on behind what is taken.
    else this.#socket.terminate();
  }

  #end(error: RoteraError): void {
    this.#closed = true;
    this.#error = error;
    this.#wake();
  }

  send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  /** Ends at once: whoever waits for a frame is told that there is none. */
  terminate(): void {
    this.#discard();
    this.#socket.terminate();
  }

  /** Resolves when the other side has everything that was sent, or has had its time. */
  async close(): Promise<void> {
    this.#discard();
    if (this.#closed) return;
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_MS);
    this.#socket.close();
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    clearTimeout(timer);
  }

  #discard(): void {
    this.#discarding = true;
    this.#waiting = [];
    if (this.#paused) this.#socket.resume?.();
  }
}

/** @throws `not_rotera` */
function decode(data: string | Uint8Array): Frame | OpenFrame {
  try {
    return typeof data === 'string' ? decodeText(data) : decodeBinary(data);
  } catch (cause) {
    throw new RoteraError('not_rotera', 'What came over the tail is none of its frames.', {}, { cause });
  }
}

function decodeText(text: string): Frame | OpenFrame {
  const frame = JSON.parse(text) as TailFrame;
  return frame.type === 'messages' ? { type: 'messages', messages: messagesOfBodies(frame.messages) } : frame;
}

function decodeBinary(bytes: Uint8Array): Frame {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = Number(view.getBigUint64(0, true));
  const time = Number(view.getBigUint64(8, true));
  return { type: 'messages', messages: messagesOfRecords(bytes.subarray(FRAME_HEADER_BYTES), first, time) };
}
