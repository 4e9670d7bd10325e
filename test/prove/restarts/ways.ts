/**
 * Tails as bytes on the wire, without the client's own repeats: each connection with every word that the server says on it.
 */
import type { ReadableStream } from 'node:stream/web';
import { WebSocket } from 'ws';
import { messagesOf } from '../../../src/batch.js';
import type { MessageBody, TailFrame } from '../../../src/protocol/answers.js';

/** What a server says on a tail. */
export type Word =
  | { readonly type: 'open' | 'up-to-date' | 'gap' | 'draining' }
  | { readonly type: 'error'; readonly code: string }
  | { readonly type: 'messages'; readonly messages: readonly Told[] };

/** A message; its text stands for other bytes when it has an encoding. */
export interface Told {
  readonly id: number;
  readonly text: string;
  readonly encoding?: 'base64';
}

export interface Listener {
  readonly hear: (word: Word) => void;
  /** Ends it from this side. */
  readonly signal: AbortSignal;
}

/** Follows `url` until the connection ends. Resolves to the close code, where there is one; never rejects. */
export type Way = (url: string, listener: Listener) => Promise<number | undefined>;

/** Of a binary frame: id of the first message, time, count, zero. */
const HEADER_BYTES = 24;

const textOf = ({ id, data, encoding }: MessageBody): Told => ({
  id,
  text: data,
  ...(encoding === undefined ? {} : { encoding }),
});

function wordOfText(text: string): Word {
  const frame = JSON.parse(text) as TailFrame;
  return frame.type === 'messages' ? { type: 'messages', messages: frame.messages.map(textOf) } : (frame as Word);
}

function wordOfBytes(bytes: Buffer): Word {
  const first = Number(bytes.readBigUInt64LE(0));
  const records = [...messagesOf(bytes.subarray(HEADER_BYTES))];
  return { type: 'messages', messages: records.map((record, i) => ({ id: first + i, text: String(record) })) };
}

export const overSocket =
  (protocol: string): Way =>
  (url, { hear, signal }) =>
    new Promise((resolve) => {
      const socket = new WebSocket(url.replace('http', 'ws'), protocol);
      const stop = (): void => socket.terminate();
      signal.addEventListener('abort', stop);
      // From here on, it must not end without a word.
      socket.on('open', () => hear({ type: 'open' }));
      socket.on('message', (data: Buffer, isBinary) => hear(isBinary ? wordOfBytes(data) : wordOfText(String(data))));
      // A refusal; what ends it comes as `close`.
      socket.on('error', () => undefined);
      socket.on('close', (code) => {
        signal.removeEventListener('abort', stop);
        resolve(code);
      });
    });

function wordOfEvent(block: string): Word | undefined {
  const fields = new Map(block.split('\n').map((line) => line.split(/: ?(.*)/s).slice(0, 2) as [string, string]));
  const [event, data] = [fields.get('event'), fields.get('data')];
  if (event !== undefined) return { type: event as 'gap' | 'draining' };
  return data === undefined ? undefined : { type: 'messages', messages: [textOf(JSON.parse(data))] };
}

/** The code is that of a cut connection when it is one. */
export const overEvents: Way = async (url, { hear, signal }) => {
  const CUT = 1006;
  try {
    const { status, body } = await fetch(url, { signal });
    if (status !== 200 || body === null) return undefined;
    hear({ type: 'open' });
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of body as ReadableStream<Uint8Array>) {
      const blocks = (text + decoder.decode(chunk, { stream: true })).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const word = wordOfEvent(block);
        if (word !== undefined) hear(word);
      }
    }
    return undefined;
  } catch {
    // Refused, or cut in the middle.
    return CUT;
  }
};
