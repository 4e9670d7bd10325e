import { once } from 'node:events';
import { rmSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Command, Option } from 'clipanion';
import { messageOf, RoteraError } from '../../src/errors.js';
import { failedMarkOf } from '../../src/queue/failed-mark.js';
import { lockFileOf } from '../../src/queue/lock-file.js';
import { queueName } from '../../src/queue/queue-name.js';
import { seenMarkOf } from '../../src/queue/seen-mark.js';
import { BaseCommand } from '../command.js';
import { isTerminal } from '../context.js';
import { bytesText } from '../units.js';

export class RemoveCommand extends BaseCommand {
  static override paths = [['remove']];
  static synopsis = 'FILE ...';
  static override usage = Command.Usage({
    category: 'Files',
    description: 'remove queues: their rot files, with all messages',
    details: `
      Removing a queue is removing its file: a server that runs notices it and forgets the queue. Asks on a terminal; anywhere
      else --yes is needed. To keep the messages, take a snapshot before.
    `,
    examples: [
      ['One queue', '$0 remove rots/55.rot'],
      ['In a script', '$0 remove --yes rots/test-*.rot'],
    ],
  });

  files = Option.Rest({ name: 'file', required: 1 });
  yes = Option.Boolean('-y,--yes', false, { description: 'Do not ask.' });

  protected async run(): Promise<void> {
    // All are looked at before the first is gone.
    const sizes = this.files.map(sizeOfRotFile);
    for (const [i, file] of this.files.entries()) {
      if (!this.yes && !(await this.#agreed(file, sizes[i] as number))) {
        if (!this.json) await this.print(`${file} is kept\n`);
        continue;
      }
      removeRotFile(file);
      if (this.json) await this.printJson({ file, removed: true });
      else await this.print(`removed ${file}\n`);
    }
  }

  async #agreed(file: string, bytes: number): Promise<boolean> {
    const { stdin, stdout } = this.context;
    if (!isTerminal(stdout) || !isTerminal(stdin as unknown as NodeJS.WritableStream)) {
      throw new RoteraError('bad_parameter', `${file} is removed only with --yes: there is nobody to ask.`, {
        parameter: 'yes',
      });
    }
    await this.print(`Remove ${file} (${bytesText(bytes)}) with all its messages? [y/N] `);
    const lines = createInterface({ input: stdin });
    const [answer] = (await Promise.race([once(lines, 'line'), once(lines, 'close')])) as [string?];
    lines.close();
    return /^y(es)?$/i.test(answer?.trim() ?? '');
  }
}

function removeRotFile(file: string): void {
  try {
    for (const path of [file, lockFileOf(file), failedMarkOf(file), seenMarkOf(file)]) rmSync(path, { force: true });
  } catch (cause) {
    throw new RoteraError('directory_unusable', `${file} cannot be removed: ${messageOf(cause)}.`, {}, { cause });
  }
}

function sizeOfRotFile(file: string): number {
  if (queueName(file) === undefined) {
    const text = `${file} is no rot file: its name is that of the queue and .rot.`;
    throw new RoteraError('bad_name', text, { value: file });
  }
  try {
    return statSync(file).size;
  } catch (cause) {
    throw new RoteraError('queue_unreadable', `${file} cannot be removed: ${messageOf(cause)}.`, {}, { cause });
  }
}
