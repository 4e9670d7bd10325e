import { dirname } from 'node:path';
import { Command, Option } from 'clipanion';
import { isRoteraError, RoteraError } from '../../src/errors.js';
import { resizeRotFile } from '../../src/queue/copy.js';
import { type DirectoryLock, lockDirectory } from '../../src/queue/directory-lock.js';
import { BaseCommand } from '../command.js';
import { CHANGE_TEXTS, parseLimits } from '../limits.js';

export class ResizeCommand extends BaseCommand {
  static override paths = [['resize']];
  static synopsis = 'FILE';
  static override usage = Command.Usage({
    category: 'Files',
    description: 'give a rot file other limits',
    details: `
      Limits that are not named stay. The queue keeps its ids, its epoch and its cursors, and of its messages as many as fit.
      The server of the directory must be stopped meanwhile. It needs room for the new file beside the old one. Interrupted,
      it leaves the file as it was.
    `,
    examples: [
      ['More room', '$0 resize rots/55.rot --max-bytes 1G'],
      ['Keep no more than a week', '$0 resize rots/55.rot --max-age 7d'],
      ['However old', '$0 resize rots/55.rot --max-age none'],
    ],
  });

  file = Option.String({ name: 'file', required: true });
  maxMessages = Option.String('--max-messages', { description: CHANGE_TEXTS.maxMessages });
  maxBytes = Option.String('--max-bytes', { description: CHANGE_TEXTS.maxBytes });
  maxAge = Option.String('--max-age', { description: CHANGE_TEXTS.maxAge });
  maxMessageBytes = Option.String('--max-message-bytes', { description: CHANGE_TEXTS.maxMessageBytes });
  reserve = Option.Boolean('--reserve', { description: CHANGE_TEXTS.reserve });

  protected async run(): Promise<void> {
    const limits = parseLimits(this);
    if (Object.keys(limits).length === 0) {
      const text = 'Say what is to change, such as --max-bytes 1G; the other limits stay.';
      throw new RoteraError('bad_parameter', text, { parameter: 'limits' });
    }
    const lock = this.#lockDirectory();
    try {
      const { oldest, next } = await resizeRotFile(this.file, limits, this.interruptible());
      if (this.json) await this.printJson({ file: this.file, oldest, next });
      else await this.print(`resized ${this.file}: it keeps ids ${oldest} to ${next} (exclusive)\n`);
    } finally {
      lock.release();
    }
  }

  #lockDirectory(): DirectoryLock {
    const directory = dirname(this.file);
    try {
      return lockDirectory(directory);
    } catch (cause) {
      if (!isRoteraError(cause, 'in_use')) throw cause;
      const text = `A rotera server has the directory ${directory}: stop it meanwhile.`;
      throw new RoteraError('in_use', text, {}, { cause });
    }
  }
}
