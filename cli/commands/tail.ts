import { Command, Option } from 'clipanion';
import type { MessageBody } from '../../src/protocol/answers.js';
import { ClientCommand } from '../command.js';
import { gapNotice } from '../render.js';

export class TailCommand extends ClientCommand {
  static override paths = [['tail']];
  static override usage = Command.Usage({
    description: 'Follow a queue: print each message as it becomes durable.',
    details: 'Goes on until Ctrl-C, or until the server stops. What rotation took is told on standard error.',
    examples: [
      ['What comes from now on', '$0 tail 55'],
      ['The last twenty, then what comes', '$0 tail 55 --from -20'],
      ['Everything kept, with ids and times', '$0 tail 55 --from oldest --json'],
    ],
  });

  queue = Option.String({ name: 'queue', required: true });
  from = Option.String('--from', 'next', { description: 'Where to begin: an id, -N (the last N), oldest or next.' });

  protected async run(): Promise<void> {
    for await (const frame of this.client.tail(this.queue, { from: this.from })) {
      if (frame.type === 'gap') this.context.stderr.write(gapNotice(frame));
      if (frame.type === 'draining') this.context.stderr.write('rotera: the server stops\n');
      if (frame.type === 'messages') await this.#print(frame.messages);
    }
  }

  async #print(messages: readonly MessageBody[]): Promise<void> {
    const lines = messages.map((message) =>
      this.json ? Buffer.from(JSON.stringify(message)) : Buffer.from(message.data, message.encoding ?? 'utf8'),
    );
    const newline = Buffer.from('\n');
    await this.print(Buffer.concat(lines.flatMap((line) => [line, newline])));
  }
}
