/**
 * The client's end of a WebSocket: everything that comes is kept in order and awaited, never slept for.
 */
import { EventEmitter, once } from 'node:events';
import type { Test } from 'tap';
import type { WebSocket } from 'ws';
import { note } from './seen.js';

export type Frame = Record<string, unknown> & { readonly type?: string };

export class Peer {
  /** Frames that nobody has taken yet: text, or bytes. */
  readonly #frames: Array<string | Buffer> = [];
  readonly #changes = new EventEmitter();
  #closed: { readonly code: number; readonly reason: string } | undefined;

  constructor(
    t: Test,
    readonly socket: WebSocket,
  ) {
    t.teardown(() => {
      if (socket.readyState !== socket.CONNECTING) socket.terminate();
    });
    socket.on('message', (data, isBinary) => {
      const frame = isBinary ? (data as Buffer) : String(data);
      if (typeof frame === 'string') note(frame);
      this.#frames.push(frame);
      this.#changes.emit('change');
    });
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => {
      this.#closed = { code, reason: String(reason) };
      this.#changes.emit('change');
    });
  }

  send(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  /** The next frame, as it is. */
  async next(): Promise<string | Buffer> {
    while (this.#frames.length === 0) {
      if (this.#closed !== undefined) throw new Error(`closed with ${JSON.stringify(this.#closed)}`);
      await once(this.#changes, 'change');
    }
    return this.#frames.shift() as string | Buffer;
  }

  /** The next frame, which must be text. */
  async json(): Promise<Frame> {
    const frame = await this.next();
    if (typeof frame !== 'string') throw new Error('a binary frame came');
    return JSON.parse(frame) as Frame;
  }

  /** Frames up to the first of a type, with it. */
  async upTo(type: string): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.at(-1)?.type !== type) frames.push(await this.json());
    return frames;
  }

  /** Messages until so many have come; other frames on the way are dropped. */
  async messages(count: number): Promise<Array<{ id: number; data: string }>> {
    const all: Array<{ id: number; data: string }> = [];
    while (all.length < count) {
      const frame = await this.json();
      if (frame.type === 'messages') all.push(...(frame['messages'] as typeof all));
    }
    return all;
  }

  /** How it was closed; frames that came before stay to be taken. */
  async closed(): Promise<{ readonly code: number; readonly reason: string }> {
    while (this.#closed === undefined) await once(this.#changes, 'change');
    return this.#closed;
  }
}
