/**
 * Tails that collect what they are told, over both transports, without a sleep: everything is awaited as an event.
 */
import { EventEmitter, once } from 'node:events';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import type { GapBody, MessageBody, TailFrame } from '../../src/protocol/answers.js';

/** An open tail. */
export class Tail extends EventEmitter {
  readonly frames: TailFrame[] = [];
  /** Code of the close frame; 0 when an event stream has ended. */
  closed: number | undefined;
  /** Closes it from this side. */
  stop: () => void = () => undefined;

  get messages(): MessageBody[] {
    return this.frames.flatMap((frame) => (frame.type === 'messages' ? frame.messages : []));
  }

  get gaps(): GapBody[] {
    return this.frames.flatMap((frame) => (frame.type === 'gap' ? [frame] : []));
  }

  take(frame: TailFrame): void {
    this.frames.push(frame);
    this.emit('change');
  }

  close(code: number): void {
    this.closed = code;
    this.emit('change');
  }

  /** Resolves once it holds. */
  async until(holds: (tail: this) => boolean): Promise<this> {
    while (!holds(this)) {
      if (this.closed !== undefined)
        throw new Error(`the tail ended (${this.closed}) after ${this.messages.length} messages`);
      await once(this, 'change');
    }
    return this;
  }

  /** Resolves once so many messages have come. */
  received(count: number): Promise<this> {
    return this.until(() => this.messages.length >= count);
  }

  /** Resolves to the close code. */
  async ended(): Promise<number> {
    while (this.closed === undefined) await once(this, 'change');
    return this.closed;
  }
}

export type OpenTail = (t: Test, url: string, path: string) => Promise<Tail>;

/** Resolves when the `open` frame has come. */
export const tailOverWebSocket: OpenTail = async (t, url, path) => {
  const tail = new Tail();
  const socket = new WebSocket(new URL(path, url.replace('http', 'ws')));
  t.teardown(() => socket.terminate());
  tail.stop = () => socket.close();
  socket.on('message', (data) => tail.take(JSON.parse(String(data)) as TailFrame));
  socket.on('close', (code) => tail.close(code));
  return tail.until(() => tail.frames.length > 0);
};

/** Resolves when the answer has begun. Events become the frames that a WebSocket would have sent. */
export const tailOverEvents: OpenTail = async (t, url, path) => {
  const tail = new Tail();
  const abort = new AbortController();
  t.teardown(() => abort.abort());
  tail.stop = () => abort.abort();
  const response = await fetch(new URL(path, url), { signal: abort.signal });
  if (response.body === null || response.status !== 200) throw new Error(`status ${response.status}`);
  void collect(response.body as NodeReadableStream<Uint8Array>, tail).then(
    () => tail.close(0),
    () => tail.close(-1),
  );
  return tail;
};

async function collect(body: NodeReadableStream<Uint8Array>, tail: Tail): Promise<void> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const frame = frameOf(text.slice(0, end));
      text = text.slice(end + 2);
      if (frame !== undefined) tail.take(frame);
    }
  }
}

/** One event, or undefined for what is none: a comment, `retry`. */
function frameOf(block: string): TailFrame | undefined {
  const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s).slice(0, 2) as [string, string]));
  const data = fields.get('data');
  if (data === undefined) return undefined;
  const value = JSON.parse(data);
  const event = fields.get('event');
  if (event === 'gap') return { type: 'gap', ...value };
  if (event === 'draining') return { type: 'draining' };
  if (event !== undefined) throw new Error(`unknown event ${event}`);
  if (!fields.get('id')?.endsWith(`:${value.id}`))
    throw new Error(`event id ${fields.get('id')} for message ${value.id}`);
  return { type: 'messages', messages: [value] };
}
