import { dirname, resolve } from 'node:path';
import { Command, Option } from 'clipanion';
import type { CreateOptions } from '../../src/client/client.js';
import { RoteraError } from '../../src/errors.js';
import { createFields } from '../../src/protocol/api.js';
import { checkParameters } from '../../src/protocol/parameters.js';
import { createRotFile } from '../../src/queue/create.js';
import { queueName, withDefaults } from '../../src/queue/queues.js';
import { ClientCommand, numberOption } from '../command.js';
import { renderStat } from '../render.js';

export class CreateCommand extends ClientCommand {
  static override paths = [['create']];
  static override usage = Command.Usage({
    description: 'Make a queue, at a server or as a file.',
    details: `
      With -s FILE the rot file is made directly, no server needed; a server of that directory finds it. Creating a queue
      that exists with the same limits changes nothing. Limits are fixed at create. Sizes take k, M, G, T.
    `,
    examples: [
      ['Make the queue 55', '$0 create 55'],
      ['Keep the last 1,000 messages', '$0 create 55 --max-messages 1000'],
      ['Make a file', '$0 create -s rots/55.rot --max-bytes 256M'],
    ],
  });

  queue = Option.String({ name: 'queue', required: false });
  file = Option.String('-s,--file', { description: 'Make this rot file instead of asking a server.' });
  maxMessages = Option.String('--max-messages', { description: 'Most messages kept (1,000,000).' });
  maxBytes = Option.String('--max-bytes', { description: 'Most payload bytes kept (64M).' });
  maxAge = Option.String('--max-age', { description: 'Seconds after which messages are rotated out.' });
  maxMessageBytes = Option.String('--max-message-bytes', { description: 'Longest message (1M, at most 16M).' });
  reserve = Option.Boolean('--reserve', {
    description: 'Allocate the whole room now (the default); --no-reserve grows.',
  });

  protected async run(): Promise<void> {
    const limits = this.#limits();
    if (this.file !== undefined) {
      await this.#createFile(this.file, limits);
      return;
    }
    if (this.queue === undefined) {
      throw new RoteraError(
        'bad_parameter',
        'Name a queue (rotera create NAME) or a file (rotera create -s FILE.rot).',
      );
    }
    const stat = await this.client.create(this.queue, limits);
    await this.print(this.json ? `${JSON.stringify(stat)}\n` : renderStat(stat));
  }

  #limits(): CreateOptions {
    const given = {
      maxMessages: numberOption('max-messages', this.maxMessages),
      maxBytes: numberOption('max-bytes', this.maxBytes),
      maxAgeSeconds: numberOption('max-age', this.maxAge),
      maxMessageBytes: numberOption('max-message-bytes', this.maxMessageBytes),
      reserve: this.reserve,
    };
    return checkParameters(
      createFields,
      Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    );
  }

  async #createFile(file: string, limits: CreateOptions): Promise<void> {
    const path = resolve(file);
    const name = queueName(path);
    if (name === undefined) {
      throw new RoteraError(
        'bad_name',
        `${file} is no name of a rot file: it is the queue's name and .rot, as in 55.rot.`,
      );
    }
    await createRotFile(path, withDefaults(limits), Date.now());
    await this.print(
      this.json
        ? `${JSON.stringify({ queue: name, file: path })}\n`
        : `made ${path}; serve it with: rotera serve --dir ${dirname(path)}\n`,
    );
  }
}
