/**
 * A producer that pushes over a WebSocket, many frames at a time, and sends those again that were not answered when it was cut.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { batchOf } from '../../../src/batch.js';
import { newProducer } from '../../../src/client/producers.js';
import type { PushBody } from '../../../src/protocol/answers.js';
import { BATCH_PROTOCOL } from '../../../src/protocol/api.js';
import type { Random } from '../random.js';
import { type Acknowledgements, MOST, type ProducerOptions, QUEUE } from './producer.js';

/** Frames that wait for their answers, at most: fewer than the pushes of one producer that a server remembers. */
const IN_FLIGHT = 4;
/** How often new frames are sent, as far as old ones are answered: others shall get their turn as well; ms. */
const BEAT_MS = 40;
/** Between two connections; ms. */
const PAUSE_MS = 50;

export interface SocketProducerOptions extends ProducerOptions {
  /** Whether a frame is a batch of messages; else it is one message, as text. */
  readonly sendsBatches: boolean;
}

export class SocketProducer {
  readonly #name = newProducer();
  readonly #options: SocketProducerOptions;
  /** Frames that were not answered, oldest first. */
  readonly #waiting: string[][] = [];
  #sequence = 0;
  #stopped = false;
  #answeredAt = performance.now();

  constructor(
    readonly number: number,
    readonly random: Random,
    readonly noted: Acknowledgements,
    options: SocketProducerOptions,
  ) {
    this.#options = options;
  }

  /** Messages that were given to be pushed, each once. */
  get sent(): number {
    return this.#sequence;
  }

  /** Pushes until it is stopped and all is answered, or no answer comes for `retryMs`. Never rejects. */
  async run(): Promise<void> {
    this.#answeredAt = performance.now();
    while (!this.#stopped || this.#waiting.length > 0) {
      await this.#connection();
      if (performance.now() - this.#answeredAt > this.#options.retryMs) {
        this.noted.failed.push('no answer over a socket');
        return;
      }
      if (this.#stopped && this.#waiting.length === 0) return;
      const { retries } = this.noted;
      retries.set('socket cut', (retries.get('socket cut') ?? 0) + 1);
      await sleep(PAUSE_MS);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Waits for no answer any more. */
  giveUp(): void {
    this.stop();
    this.#waiting.length = 0;
  }

  /** Resolves when the connection is gone. */
  #connection(): Promise<void> {
    const { url, sendsBatches, isNameless = false, retryMs } = this.#options;
    const { id, epoch, seq } = this.#name;
    const name = `?producerId=${id}&producerEpoch=${epoch}&producerSeq=${seq}`;
    const address = `${url.replace('http', 'ws')}/queues/${QUEUE}/push${isNameless ? '' : name}`;
    const socket = new WebSocket(address, sendsBatches ? [BATCH_PROTOCOL] : []);
    const send = (texts: readonly string[]): void =>
      socket.send(sendsBatches ? batchOf(texts.map((text) => Buffer.from(text))).records : (texts[0] as string));
    const goOn = (): void => {
      while (!this.#stopped && this.#waiting.length < IN_FLIGHT) send(this.#next());
      if (this.#stopped && this.#waiting.length === 0) socket.close();
    };
    const late = setTimeout(() => socket.terminate(), retryMs);
    socket.on('open', () => {
      for (const texts of this.#waiting) send(texts);
      goOn();
    });
    socket.on('message', (data) => this.#take(JSON.parse(String(data))));
    const beat = setInterval(() => socket.readyState === WebSocket.OPEN && goOn(), BEAT_MS);
    // A close follows, which says no more.
    socket.on('error', () => undefined);
    return new Promise((resolve) => {
      socket.on('close', () => {
        clearTimeout(late);
        clearInterval(beat);
        resolve();
      });
    });
  }

  #next(): string[] {
    const count = this.#options.sendsBatches ? this.random.spread(1, MOST) : 1;
    const texts = Array.from({ length: count }, () => `${this.number} ${this.#sequence++}`);
    this.#waiting.push(texts);
    return texts;
  }

  #take(answer: PushBody | { readonly code: string }): void {
    const texts = this.#waiting.shift() ?? [];
    this.#name.seq++;
    this.#answeredAt = performance.now();
    if ('code' in answer) this.noted.failed.push(`a push over a socket failed: ${answer.code}`);
    else this.noted.note(answer, texts);
  }
}
