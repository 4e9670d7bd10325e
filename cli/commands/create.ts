import { dirname, resolve } from 'node:path';
import { Command, Option } from 'clipanion';
import type { CreateLimits } from '../../src/client/node.js';
import { RoteraError } from '../../src/errors.js';
import { createRotFile } from '../../src/queue/create.js';
import { withDefaults } from '../../src/queue/limits.js';
import { queueName } from '../../src/queue/queue-name.js';
import { ClientCommand } from '../command.js';
import { LIMIT_TEXTS, parseLimits } from '../limits.js';
import { refuseWithFile } from '../offline.js';
import { renderStat } from '../stat-view.js';

export class CreateCommand extends ClientCommand {
  static override paths = [['create']];
  static synopsis = '[QUEUE]';
  static override usage = Command.Usage({
    category: 'Messages',
    description: 'make a queue, at a server or as a file',
    details: `
      The queue keeps the last messages, up to its limits; the oldest make place for the new. Limits are fixed then; "rotera
      resize" gives a file others. Making a queue that exists with the same limits changes nothing.

      With -s FILE the rot file is made directly, no server needed; a server of that directory finds it. It belongs to whoever
      runs this: run it as the server's user, or give it to that one (chown).
    `,
    examples: [
      ['Make the queue 55', '$0 create 55'],
      ['Keep the last 1,000 messages', '$0 create 55 --max-messages 1000'],
      ['Keep a week, but no more than 1 GiB', '$0 create 55 --max-age 7d --max-bytes 1G --max-messages 1G'],
      ['Make a file', '$0 create -s rots/55.rot --max-bytes 256M'],
    ],
  });

  queue = Option.String({ name: 'queue', required: false });
  file = Option.String('-s,--file', { description: 'Make this rot file instead of asking a server.' });
  maxMessages = Option.String('--max-messages', { description: LIMIT_TEXTS.maxMessages });
  maxBytes = Option.String('--max-bytes', { description: LIMIT_TEXTS.maxBytes });
  maxAge = Option.String('--max-age', { description: LIMIT_TEXTS.maxAge });
  maxMessageBytes = Option.String('--max-message-bytes', { description: LIMIT_TEXTS.maxMessageBytes });
  reserve = Option.Boolean('--reserve', { description: LIMIT_TEXTS.reserve });

  protected async run(): Promise<void> {
    const limits = parseLimits(this);
    if (this.file !== undefined) {
      refuseWithFile({ 'A queue': this.queue });
      await this.#createFile(this.file, limits);
      return;
    }
    if (this.queue === undefined) {
      const text = 'Name a queue (rotera create NAME) or a file (rotera create -s FILE.rot).';
      throw new RoteraError('bad_parameter', text, { parameter: 'queue' });
    }
    const stat = await this.client.create(this.queue, limits);
    if (this.json) await this.printJson(stat);
    else await this.print(renderStat(stat, this.style));
  }

  async #createFile(file: string, limits: CreateLimits): Promise<void> {
    const path = resolve(file);
    const name = queueName(path);
    if (name === undefined) {
      const text = `${file} is no name of a rot file: it is the queue's name and .rot, as in 55.rot.`;
      throw new RoteraError('bad_name', text, { value: file });
    }
    await createRotFile(path, withDefaults(limits), Date.now(), this.interruptible());
    if (this.json) await this.printJson({ queue: name, file: path });
    else await this.print(`made ${path}; serve it with: rotera serve --dir ${dirname(path)}\n`);
  }
}
