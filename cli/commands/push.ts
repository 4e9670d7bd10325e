import { createReadStream, statSync } from 'node:fs';
import { SingleBar } from 'cli-progress';
import { Command, Option } from 'clipanion';
import { type Batch, batchOfLines, cutBatch } from '../../src/batch.js';
import { isRoteraError, messageOf, RoteraError } from '../../src/errors.js';
import { ClientCommand } from '../command.js';
import { lineChunks } from '../lines.js';
import { bytesText, countText } from '../render.js';

export class PushCommand extends ClientCommand {
  static override paths = [['push']];
  static override usage = Command.Usage({
    description: 'Push the lines of standard input, or of files, one message each.',
    details: `
      Reads as it goes and never holds more than a piece in memory, so that it works on endless input. A line counts without
      its newline; blank lines are skipped. When it has ended with 0, every line is on the server's disk.
    `,
    examples: [
      ['Push a file', '$0 push 55 < access.log'],
      ['Follow a log', 'tail -f access.log | $0 push 55'],
      ['Push one message', 'echo hello | $0 push 55'],
    ],
  });

  queue = Option.String({ name: 'queue', required: true });
  files = Option.Rest({ name: 'files' });

  protected async run(): Promise<void> {
    const { client, queue } = this;
    // A push is all or nothing, so it must fit into the queue.
    const limits = await client.stat(queue);
    const progress = this.#progress();
    let messages = 0;
    let next: number | null | undefined;
    try {
      for (const input of this.files.length > 0 ? this.files : ['-']) {
        for await (const lines of lineChunks(this.#open(input))) {
          const size = lines.length;
          for (const batch of batches(lines, limits)) {
            const pushed = await client.push(queue, batch);
            messages += batch.count;
            next = pushed.next;
          }
          progress?.increment(size, { messages: countText(messages) });
        }
      }
    } finally {
      progress?.stop();
    }
    if (this.json) await this.print(`${JSON.stringify({ queue, messages, next: next ?? null })}\n`);
    else
      this.context.stderr.write(
        `pushed ${countText(messages)} messages to ${queue}${next == null ? '' : `; next is ${next}`}\n`,
      );
  }

  #open(input: string): AsyncIterable<Uint8Array> {
    if (input === '-') return this.context.stdin as unknown as AsyncIterable<Uint8Array>;
    try {
      statSync(input);
    } catch (cause) {
      throw new RoteraError('bad_parameter', `${input} cannot be read: ${messageOf(cause)}.`, {}, { cause });
    }
    return createReadStream(input, { highWaterMark: 256 * 1024 });
  }

  /** A bar when standard error is a terminal and it is known how much there is to push. */
  #progress(): SingleBar | undefined {
    if ((this.context.stderr as NodeJS.WriteStream).isTTY !== true) return undefined;
    const total =
      this.files.length > 0 ? this.files.reduce((sum, file) => sum + sizeOf(file), 0) : sizeOf('/dev/stdin');
    if (total === 0) return undefined;
    const bar = new SingleBar({
      stream: this.context.stderr as NodeJS.WriteStream,
      format: '{bar} {percentage}%  {messages} messages  {value}/{total}  {duration_formatted}, {eta_formatted} left',
      formatValue: (value, _options, type) => (type === 'value' || type === 'total' ? bytesText(value) : String(value)),
      hideCursor: true,
      clearOnComplete: true,
    });
    bar.start(total, 0, { messages: '0' });
    return bar;
  }
}

/** A piece as pushes that the queue takes; one that holds only blank lines is none. */
function* batches(lines: Uint8Array, limits: { maxMessages: number; maxBytes: number }): Generator<Batch> {
  try {
    yield* cutBatch(batchOfLines(lines), limits.maxMessages, limits.maxBytes);
  } catch (error) {
    if (!isRoteraError(error, 'empty_batch')) throw error;
  }
}

function sizeOf(path: string): number {
  try {
    const stat = statSync(path);
    return stat.isFile() ? stat.size : 0;
  } catch {
    // Said when it is opened.
    return 0;
  }
}
