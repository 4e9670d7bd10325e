/**
 * The two subprotocols of a tail, so that its cases run over both.
 */
import { messagesOf } from '../../src/batch.js';
import type { Frame, Peer } from '../support/peer.js';
import type { Wire } from '../support/wire.js';

/** What a tail says, whatever the subprotocol. */
export type Said =
  | Frame
  | { readonly type: 'messages'; readonly messages: ReadonlyArray<{ id: number; data: string }> };

/** One tail. */
export class Tail {
  readonly messages: Array<{ id: number; data: string }> = [];

  constructor(readonly peer: Peer) {}

  /** The next thing it says. */
  async next(): Promise<Said> {
    const frame = await this.peer.next();
    const said = typeof frame === 'string' ? (JSON.parse(frame) as Frame) : messagesFrame(frame);
    if (said.type === 'messages') this.messages.push(...(said['messages'] as Tail['messages']));
    return said;
  }

  /** What it says up to the first thing of a type, with it. */
  async upTo(type: string): Promise<Said[]> {
    const all: Said[] = [];
    while (all.at(-1)?.type !== type) all.push(await this.next());
    return all;
  }

  /** Resolves once so many messages have come, to their texts. */
  async texts(count: number): Promise<string[]> {
    while (this.messages.length < count) await this.next();
    return this.messages.map(({ data }) => data);
  }

  ack(id: number): void {
    this.peer.send(JSON.stringify({ type: 'ack', id }));
  }
}

/** `u64le first | u64le time (ms) | u32le count | u32le 0`, then records. */
function messagesFrame(frame: Buffer): Said {
  const first = Number(frame.readBigUInt64LE(0));
  const time = new Date(Number(frame.readBigUInt64LE(8))).toISOString();
  const data = [...messagesOf(frame.subarray(24))].map((bytes) => Buffer.from(bytes).toString());
  if (data.length !== frame.readUInt32LE(16) || frame.readUInt32LE(20) !== 0) throw new Error('a bad frame');
  return { type: 'messages', messages: data.map((text, i) => ({ id: first + i, time, data: text })) };
}

export const PROTOCOLS = ['rotera.v1', 'rotera.batch.v1'] as const;

export const openTail = async (wire: Wire, query = '', protocol?: string): Promise<Tail> =>
  new Tail(await wire.open(`/queues/q/tail${query}`, protocol === undefined ? {} : { protocols: [protocol] }));
