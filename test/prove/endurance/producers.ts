/**
 * Those who push at a steady pace, each push until it is acknowledged.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { batchOf } from '../../../src/batch.js';
import type { RoteraClient } from '../../../src/client/node.js';
import { type ErrorCode, retryableCodes, messageOf as textOf } from '../../../src/errors.js';
import { TEXT_PROTOCOL } from '../../../src/protocol/api.js';
import { messageOf } from '../messages.js';
import type { Random } from '../random.js';
import type { Notes } from './notes.js';
import { type Load, writerNumber } from './queues.js';

const FOREVER = { retryMs: Number.POSITIVE_INFINITY };
/** Frames under way, before a socket that was lost is opened again, and without an answer before it counts as lost; ms. */
const WINDOW = 4;
const PAUSE_MS = 100;
const SILENCE_MS = 30_000;

/** One writer of a queue: numbers its messages. */
class Writer {
  /** Messages made so far. */
  sequence = 0;
  readonly number: number;

  constructor(
    readonly load: Load,
    index: number,
    readonly random: Random,
    readonly notes: Notes,
  ) {
    this.number = writerNumber(load, index);
  }

  make(count: number): Buffer[] {
    const { number: writer, random, load } = this;
    const message = (_: unknown, index: number): Buffer =>
      messageOf({ life: 0, writer, sequence: this.sequence++, index, of: count }, random.spread(...load.sizes));
    return Array.from({ length: count }, message);
  }

  /** An answer to a push of so many messages, of which the first is `sequence`. */
  acknowledged(sequence: number, count: number, { first, next, duplicate }: Answer): void {
    const { notes, load, number } = this;
    if (first === null || next === null) notes.say(`a push to ${load.name} was answered without ids`);
    else {
      if (next - first !== count) notes.say(`a push of ${count} to ${load.name} was told ids ${first} to ${next}`);
      if (load.writers === 1 && first !== sequence)
        notes.say(`message ${sequence} of ${load.name} was acknowledged as id ${first}`);
      notes.acknowledge(load.name, next);
    }
    if (duplicate) notes.count('of these kept at an earlier try');
    notes.count('pushes acknowledged');
    notes.count('messages acknowledged', count);
    notes.pushed.set(number, sequence + count);
  }

  /** Resolves when it is time for the next push; what was missed is not made up for. */
  async pace(began: number): Promise<void> {
    await sleep(Math.max(0, began + this.load.everyMs - performance.now()));
  }
}

interface Answer {
  readonly first: number | null;
  readonly next: number | null;
  readonly duplicate: boolean;
}

async function byRequests(writer: Writer, client: RoteraClient): Promise<void> {
  const { load, notes, random, number } = writer;
  const producer = { id: `writer-${number}`, epoch: 0, seq: 0 };
  while (!notes.isOver) {
    const [began, sequence] = [performance.now(), writer.sequence];
    const messages = writer.make(random.spread(1, load.most));
    try {
      const answer = await client.pushAs(producer, load.name, batchOf(messages), FOREVER);
      writer.acknowledged(sequence, messages.length, answer);
    } catch (error) {
      // What comes next would only say the same again.
      notes.say(`a push to ${load.name} failed: ${textOf(error)}`);
      return;
    }
    await writer.pace(began);
  }
}

/** Frames that wait for their answers, over any number of sockets. */
class Frames {
  readonly #waiting: Buffer[] = [];
  #answered = 0;
  #socket: WebSocket | undefined;
  #heard = performance.now();

  constructor(
    readonly writer: Writer,
    readonly url: string,
  ) {}

  async run(): Promise<void> {
    const { notes } = this.writer;
    const connecting = this.#connect();
    while (!notes.isOver) {
      const began = performance.now();
      if (this.#waiting.length < WINDOW) {
        const [frame] = this.writer.make(1) as [Buffer];
        this.#waiting.push(frame);
        this.#send(frame);
      }
      if (this.#waiting.length > 0 && began > this.#heard + SILENCE_MS) this.#socket?.terminate();
      await this.writer.pace(began);
    }
    while (this.#waiting.length > 0) await sleep(PAUSE_MS);
    this.#socket?.terminate();
    await connecting;
  }

  #send(frame: Buffer): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(frame);
  }

  async #connect(): Promise<void> {
    while (!this.writer.notes.isOver || this.#waiting.length > 0) {
      const query = `producerId=writer-${this.writer.number}&producerEpoch=0&producerSeq=${this.#answered}`;
      const url = `${this.url.replace('http', 'ws')}/queues/${this.writer.load.name}/push?${query}`;
      await new Promise<void>((resolve) => this.#open(new WebSocket(url, TEXT_PROTOCOL), resolve));
      await sleep(PAUSE_MS);
    }
  }

  #open(socket: WebSocket, closed: () => void): void {
    this.#socket = socket;
    this.#heard = performance.now();
    socket.on('open', () => {
      this.writer.notes.count('sockets opened to push');
      for (const frame of this.#waiting) this.#send(frame);
    });
    socket.on('message', (text) => this.#take(socket, JSON.parse(String(text))));
    // Refused or cut: what ends it comes as `close`.
    socket.on('error', () => undefined);
    socket.on('close', closed);
  }

  #take(socket: WebSocket, answer: Answer & { readonly code?: ErrorCode }): void {
    if (socket.readyState !== WebSocket.OPEN) return;
    this.#heard = performance.now();
    if (answer.code === undefined) {
      this.#waiting.shift();
      this.writer.acknowledged(this.#answered++, 1, answer);
      return;
    }
    if (!retryableCodes.has(answer.code)) this.writer.notes.say(`a frame was refused: ${answer.code}`);
    socket.terminate();
  }
}

/** Everyone who pushes. Resolves when each has had its last answer, after the run is over. */
export async function push(loads: readonly Load[], client: RoteraClient, random: Random, notes: Notes): Promise<void> {
  const writers = loads.flatMap((load) => Array.from({ length: load.writers }, (_, i) => [load, i] as const));
  const run = ([load, i]: readonly [Load, number]): Promise<void> => {
    const writer = new Writer(load, i, random.fork(writerNumber(load, i)), notes);
    return load.way === 'frames' ? new Frames(writer, client.url).run() : byRequests(writer, client);
  };
  await Promise.all(writers.map(run));
}
