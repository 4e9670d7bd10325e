import { Command, Option } from 'clipanion';
import { type Batch, batchOf, MAX_MESSAGE_BYTES } from '../../src/batch.js';
import { isRoteraError, messageOf, RoteraError } from '../../src/errors.js';
import type { StatBody } from '../../src/protocol/answers.js';
import { ClientCommand } from '../command.js';
import { Interrupted } from '../context.js';
import { endedBy, inputSize, isTyped, readInput } from '../input.js';
import { startProgress } from '../progress.js';
import { parseDelimiter, split } from '../split.js';
import { countedText } from '../units.js';

/** Four times the client's own: fewer waits for the disk, and still little to hold. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** After Ctrl-C, a server that answers has done so by then. */
const ANSWER_MS = 500;

type Limits = Pick<StatBody, 'maxMessageBytes' | 'maxMessages' | 'maxBytes'>;
const NO_LIMITS: Limits = {
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxMessages: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
};

export class PushCommand extends ClientCommand {
  static override paths = [['push']];
  static synopsis = 'QUEUE [FILE ...]';
  static override usage = Command.Usage({
    category: 'Messages',
    description: 'push lines of standard input or of files',
    details: `
      Each line is a message, without its newline and else as it is: an empty line is an empty message. Reads as it goes and
      holds little in memory, so that it works on endless input. When it has ended with 0, every line is on the server's disk,
      once: what had to be repeated is not kept twice. It always says how many messages were acknowledged. Ctrl-C ends the
      input; when the server is away, a second one gives up what it has not taken.
    `,
    examples: [
      ['Push a file', '$0 push 55 access.log'],
      ['Push one message', '$0 push 55 -m hello'],
      ['Push no empty lines', 'grep . notes.txt | $0 push 55'],
      ['Follow a log', 'tail -F access.log | $0 push 55'],
      ['Push names that end with a NUL', "find . -print0 | $0 push 55 --delimiter '\\0'"],
      ['Push each file as one message', '$0 push 55 --whole-file *.json'],
    ],
  });

  queue = Option.String({ name: 'queue', required: true });
  files = Option.Rest({ name: 'file' });
  messages = Option.Array('-m,--message', { description: 'Push this text; may be given several times.' });
  delimiter = Option.String('-d,--delimiter', {
    description: 'Cut at this text instead of newlines; knows \\n \\t \\0 \\xHH.',
  });
  wholeFile = Option.Boolean('-w,--whole-file', false, { description: 'Push each file as one message.' });

  // What was acknowledged.
  #acknowledged = 0;
  #bytes = 0;
  #next: number | null = null;

  protected async run(): Promise<void> {
    const signal = this.interruptible();
    const patience = this.#tellOfPatience(signal);
    try {
      await this.#push(signal);
    } catch (error) {
      if (error instanceof Interrupted) await this.#tell();
      throw error;
    } finally {
      patience.stop();
    }
    await this.#tell();
  }

  /** Ctrl-C ends the input, and what had come is still pushed: who waits for that is told how to give it up. */
  #tellOfPatience(signal: AbortSignal): { stop: () => void } {
    let timer: NodeJS.Timeout | undefined;
    const tell = (): void => this.notice('waiting for the server; Ctrl-C again gives up', { waiting: 'server' });
    const start = (): void => {
      timer = setTimeout(tell, ANSWER_MS);
    };
    signal.addEventListener('abort', start, { once: true });
    return {
      stop: () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', start);
      },
    };
  }

  async #push(signal: AbortSignal): Promise<void> {
    const { client, queue } = this;
    // Asked first, so that a missing queue is told before anything is typed or read.
    const { maxMessageBytes, maxMessages, maxBytes } = await this.#limits(signal);
    const progress = startProgress(this.context.stderr, this.#totalBytes());
    try {
      await client.push(queue, endedBy(signal, this.#source(maxMessageBytes)), {
        batchBytes: Math.min(BATCH_BYTES, maxBytes),
        batchMessages: maxMessages,
        signal: this.context.insist?.(),
        onPush: (pushed, batch) => {
          this.#acknowledged += batch.count;
          this.#bytes += batch.bytes;
          this.#next = pushed.next ?? this.#next;
          progress.update(this.#bytes, this.#acknowledged);
        },
      });
    } catch (error) {
      throw this.#withTally(error);
    } finally {
      progress.stop();
    }
  }

  async #limits(signal: AbortSignal): Promise<Limits> {
    try {
      return await this.client.stat(this.queue, { signal });
    } catch (error) {
      // A token may be for pushes only: then the server says what is too long.
      if (isRoteraError(error, 'forbidden')) return NO_LIMITS;
      throw error;
    }
  }

  /** The same error, which says as well what is safe. */
  #withTally(error: unknown): unknown {
    if (error instanceof Interrupted) return error;
    const { queue } = this;
    const messages = this.#acknowledged;
    const code = isRoteraError(error) ? error.code : 'internal';
    const text = `${messageOf(error)} Acknowledged before that: ${countedText(messages, 'message')}.`;
    // Whether the batch that failed may have been kept, besides.
    const { outcome } = isRoteraError(error) ? error.details : {};
    const details = { queue, acknowledged: messages, next: this.#next, ...(outcome === undefined ? {} : { outcome }) };
    return new RoteraError(code, text, details, { cause: error });
  }

  async *#source(mostBytes: number): AsyncGenerator<Batch> {
    if (this.messages !== undefined) {
      yield batchOf(this.messages.map((message) => Buffer.from(message)));
      if (this.files.length === 0) return;
    }
    const delimiter = this.delimiter === undefined ? undefined : parseDelimiter(this.delimiter);
    for (const path of this.#inputs()) {
      const name = path === '-' ? 'standard input' : path;
      if (isTyped(path, this.context.stdin)) {
        this.notice('reading lines from the terminal; Ctrl-D ends', { reading: 'terminal' });
      }
      if (this.wholeFile) yield batchOf([await this.#wholeFile(path, mostBytes)]);
      else yield* split(readInput(path, this.context.stdin), { delimiter, mostBytes, name });
    }
  }

  #inputs(): readonly string[] {
    return this.files.length > 0 ? this.files : ['-'];
  }

  async #wholeFile(path: string, mostBytes: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of readInput(path, this.context.stdin)) {
      parts.push(part);
      bytes += part.length;
      if (bytes <= Math.min(mostBytes, MAX_MESSAGE_BYTES)) continue;
      const text = `${path} is longer than ${mostBytes} bytes, the most that a message of this queue may have.`;
      throw new RoteraError('message_too_large', text, { maxMessageBytes: mostBytes });
    }
    return Buffer.concat(parts);
  }

  #totalBytes(): number | undefined {
    if (this.messages !== undefined) return 0;
    const sizes = this.#inputs().map((path) => inputSize(path, this.context.stdin));
    return sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined;
  }

  async #tell(): Promise<void> {
    const { queue } = this;
    const messages = this.#acknowledged;
    if (this.json) {
      await this.printJson({ queue, messages, next: this.#next });
      return;
    }
    const next = this.#next === null ? '' : `; next is ${this.#next}`;
    this.context.stderr.write(`pushed ${countedText(messages, 'message')} to ${queue}${next}\n`);
  }
}
