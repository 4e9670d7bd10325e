import { Command, Option } from 'clipanion';
import type { TailBatch, TailOptions } from '../../src/client/node.js';
import { RoteraError } from '../../src/errors.js';
import { ClientCommand } from '../command.js';
import { isTerminal } from '../context.js';
import { type Format, formatMessages, gapText, parseFormat } from '../message-format.js';
import { optional, parseCount } from '../numbers.js';

export class TailCommand extends ClientCommand {
  static override paths = [['tail']];
  static synopsis = 'QUEUE';
  static override usage = Command.Usage({
    category: 'Messages',
    description: 'print messages as they come',
    details: `
      Goes on until Ctrl-C: when the server stops or the connection is lost, it connects again and goes on where it was,
      without a hole and without a double. What rotation took in between is told on standard error; with --json it is a line
      of its own.

      With -n alone it prints the last messages and ends, as tail(1) does; with -f it goes on.

      With --cursor the server keeps the position: each message is acknowledged when its line has been written out, and the
      next tail with the same cursor begins behind the last one acknowledged. What is still in a pipe counts as written: a
      program that may die with it uses the client library, or read --cursor, batch by batch.
    `,
    examples: [
      ['What comes from now on', '$0 tail 55'],
      ['The last twenty, then what comes', '$0 tail -n 20 -f 55'],
      ['The last ten minutes, then what comes, with ids and times', '$0 tail 55 --from 10m --json'],
      ['Feed a program, and go on behind the last line written after a restart', '$0 tail 55 --cursor loader | ./load'],
    ],
  });

  queue = Option.String({ name: 'queue', required: true });
  lines = Option.String('-n,--lines', {
    description: 'Begin with the last so many messages; without -f, end with them.',
  });
  follow = Option.Boolean('-f,--follow', {
    description: 'Go on with what comes (the default without -n); --no-follow ends behind what is there.',
  });
  from = Option.String('--from', {
    description:
      'Where to begin: an id, -N (the last N), oldest, next, a time or an age such as 10m (next; with a new cursor oldest).',
  });
  format = Option.String('--format', 'raw', {
    description: 'How to print: raw, ids (id, tab, message) or json (raw).',
  });
  cursor = Option.String('--cursor', {
    description: 'Go on where this cursor stands; acknowledge what is written out.',
  });
  window = Option.String('--window', { description: 'With a cursor: most messages under way without an ack (1000).' });

  protected async run(): Promise<void> {
    const format = this.json ? 'json' : parseFormat(this.format);
    const options = this.#options(this.interruptible());
    const follow = this.follow ?? this.lines === undefined;
    for await (const batch of this.client.tail(this.queue, options)) {
      await this.#print(batch, format);
      if (this.cursor !== undefined && batch.messages.length > 0) batch.ack();
      if (batch.upToDate && !follow) break;
    }
  }

  #options(signal: AbortSignal): TailOptions {
    const lines = optional(parseCount, 'lines', this.lines);
    if (lines !== undefined && this.from !== undefined) {
      const text = '-n and --from both say where to begin: give one of them.';
      throw new RoteraError('bad_parameter', text, { parameter: 'lines', value: this.lines });
    }
    const from = lines === undefined ? this.from : lines === 0 ? 'next' : `-${lines}`;
    return { from, cursor: this.cursor, window: optional(parseCount, 'window', this.window), signal };
  }

  async #print({ gap, messages }: TailBatch, format: Format): Promise<void> {
    if (gap !== null) {
      if (format === 'json') await this.printJson({ gap });
      else this.notice(gapText(gap), { gap });
    }
    if (messages.length === 0) return;
    await this.print(formatMessages(messages, format, isTerminal(this.context.stdout)));
  }
}
