import { Command, Option } from 'clipanion';
import { MAX_MESSAGE_BYTES } from '../../src/batch.js';
import { RoteraError } from '../../src/errors.js';
import { DEFAULT_READ_LIMIT } from '../../src/protocol/api.js';
import { ClientCommand } from '../command.js';
import { isTerminal } from '../context.js';
import { type Format, formatMessages, gapText, parseFormat } from '../message-format.js';
import { optional, parseCount, parseSeconds } from '../numbers.js';
import { refuseWithFile, withRotFile } from '../offline.js';
import { filePages, mostOfPage, type Page, type ReadPage, serverPages } from '../pages.js';

export class ReadCommand extends ClientCommand {
  static override paths = [['read']];
  static synopsis = '[QUEUE]';
  static override usage = Command.Usage({
    category: 'Messages',
    description: 'print messages that are kept',
    details: `
      Prints the bytes of each message as they were pushed, one a line, and ends. On a terminal control characters are shown
      instead of sent. What rotation has removed of the range is told on standard error; with --json it is a line of its own.

      A cursor is a position that the server keeps: the next read with the same cursor goes on where this one ended.
    `,
    examples: [
      ['The first hundred messages kept', '$0 read 55'],
      ['The last ten', '$0 read 55 --from -10'],
      ['What came in the last ten minutes, all of it', '$0 read 55 --from 10m --limit 1G'],
      ['A range of ids, with ids and times', '$0 read 55 --from 500 --to 600 --json'],
      ['From a file, in use or not', '$0 read -s rots/55.rot --from -10'],
      ['The next thousand that this job has not seen', '$0 read 55 --cursor nightly --limit 1000'],
    ],
  });

  queue = Option.String({ name: 'queue', required: false });
  file = Option.String('-s,--file', { description: 'Read this rot file, without a server.' });
  from = Option.String('--from', {
    description: 'Where to begin: an id, -N (the last N), oldest, next, a time or an age such as 10m (oldest).',
  });
  to = Option.String('--to', { description: 'Id to stop before.' });
  limit = Option.String('-n,--limit', { description: `Most messages (${DEFAULT_READ_LIMIT}, or all up to --to).` });
  wait = Option.String('--wait', { description: 'How long to wait for a first message, up to 60s.' });
  format = Option.String('--format', 'raw', {
    description: 'How to print: raw, ids (id, tab, message) or json (raw).',
  });
  cursor = Option.String('--cursor', {
    description: 'Go on where this cursor stands, and move it behind what was printed.',
  });

  /** Where the next read would go on. */
  next: number | undefined;

  protected async run(): Promise<void> {
    const format = this.json ? 'json' : parseFormat(this.format);
    if (this.file !== undefined) {
      refuseWithFile({ 'A queue': this.queue, '--cursor': this.cursor, '--wait': this.wait });
      await withRotFile(this.file, (queue) => this.#pages(filePages(queue), format));
      return;
    }
    if (this.queue === undefined) {
      const text = 'Name a queue (rotera read NAME) or a file (rotera read -s FILE.rot).';
      throw new RoteraError('bad_parameter', text, { parameter: 'queue' });
    }
    await this.#pages(serverPages(this.client, this.queue, format), format);
  }

  async #pages(read: ReadPage, format: Format): Promise<void> {
    const signal = this.interruptible();
    const to = optional(parseCount, 'to', this.to);
    const all = to === undefined ? DEFAULT_READ_LIMIT : Number.MAX_SAFE_INTEGER;
    let left = optional(parseCount, 'limit', this.limit) ?? all;
    const shared = {
      to,
      wait: optional(parseSeconds, 'wait', this.wait),
      maxBytes: MAX_MESSAGE_BYTES,
      cursor: this.cursor,
      signal,
    };
    // Ids go on within one life of the queue only: of another, the server says `epoch_changed`.
    let epoch: string | undefined;
    while (left > 0 && !signal.aborted) {
      const limit = Math.min(left, mostOfPage(format));
      const page = await read({ ...shared, from: this.next ?? this.from, epoch, limit });
      await this.#print(page, format);
      left -= page.next - page.first;
      this.next = page.next;
      epoch = page.epoch;
      if (page.upToDate || page.next === page.first || page.next === to) break;
    }
  }

  async #print({ epoch, first, next, gap, lines }: Page, format: Format): Promise<void> {
    if (gap !== null) {
      if (format === 'json') await this.printJson({ gap });
      else this.notice(gapText(gap), { gap });
    }
    await this.print(formatMessages(lines, format, isTerminal(this.context.stdout)));
    if (this.cursor === undefined || this.queue === undefined || next === first) return;
    // Printed first: what is printed and not acknowledged comes again, the other way round it would be lost.
    await this.client.ack(this.queue, this.cursor, next - 1, { epoch });
  }
}
