import { statfsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { Command, Option } from 'clipanion';
import { isRoteraError, RoteraError } from '../../src/errors.js';
import { withDefaults } from '../../src/queue/limits.js';
import { queueName } from '../../src/queue/queue-name.js';
import { fileLimit } from '../../src/queue/room.js';
import { BaseCommand } from '../command.js';
import { FAILURE } from '../exit-codes.js';
import { LIMIT_TEXTS, parseLimits } from '../limits.js';
import { optional, parseCount } from '../numbers.js';
import { rotFiles, withRotFile } from '../offline.js';
import { bytesText, countedText, table } from '../units.js';

/** Bytes in a block as stat(2) counts them. */
const STAT_BLOCK_BYTES = 512;

interface Planned {
  readonly queue: string;
  /** The most the file will ever take, in bytes. */
  readonly limit: number;
  /** What it takes now. */
  readonly taken: number;
}

export class PlanCommand extends BaseCommand {
  static override paths = [['plan']];
  static synopsis = '[DIR]';
  static override usage = Command.Usage({
    category: 'Files',
    description: 'see whether all queues of a directory fit on its disk',
    details: `
      Adds up the most that each file will ever take and compares it with what the filesystem has free. With --add, so many
      queues more with the limits given. Ends with 1 when it does not fit.
    `,
    examples: [
      ['The queues of ./rots', '$0 plan'],
      ['Would ten more of 1 GiB fit?', '$0 plan rots --add 10 --max-bytes 1G'],
    ],
  });

  directory = Option.String({ name: 'dir', required: false });
  add = Option.String('--add', { description: 'Reckon with so many queues more.' });
  maxMessages = Option.String('--max-messages', { description: LIMIT_TEXTS.maxMessages });
  maxBytes = Option.String('--max-bytes', { description: LIMIT_TEXTS.maxBytes });
  maxAge = Option.String('--max-age', { description: LIMIT_TEXTS.maxAge });
  maxMessageBytes = Option.String('--max-message-bytes', { description: LIMIT_TEXTS.maxMessageBytes });

  protected async run(): Promise<void> {
    const limits = parseLimits({ ...this, reserve: undefined });
    if (this.add === undefined && Object.keys(limits).length > 0) {
      const text = 'The limits are those of the queues to be added: say with --add how many.';
      throw new RoteraError('bad_parameter', text, { parameter: 'add' });
    }
    const directory = this.directory ?? 'rots';
    const planned: Planned[] = [];
    for (const file of rotFiles(directory)) planned.push(await this.#planFile(file));
    const queueCount = planned.length;
    const added = optional(parseCount, 'add', this.add) ?? 0;
    const limit = fileLimit(withDefaults(limits));
    if (added > 0) planned.push({ queue: `${added} more`, limit: added * limit, taken: 0 });
    const { bavail, bsize } = statfsSync(directory);
    const free = bavail * bsize;
    const needed = planned.reduce((sum, { limit, taken }) => sum + Math.max(0, limit - taken), 0);
    if (needed > free) this.exitCode = FAILURE;
    if (this.json) await this.printJson({ directory, free, needed, fits: needed <= free, queues: planned });
    else await this.print(this.#text(planned, queueCount + added, needed, free));
  }

  /** A file that cannot be opened takes what it takes. */
  async #planFile(file: string): Promise<Planned> {
    const { size, blocks } = statSync(file);
    const taken = Math.min(size, blocks * STAT_BLOCK_BYTES);
    const queue = queueName(file) ?? basename(file);
    try {
      const limit = await withRotFile(file, (open) => open.stat().file.limit);
      return { queue, limit, taken };
    } catch (error) {
      if (!isRoteraError(error)) throw error;
      this.notice(`${file}: ${error.message}`, { file, error: error.code, message: error.message });
      return { queue, limit: taken, taken };
    }
  }

  #text(planned: readonly Planned[], count: number, needed: number, free: number): string {
    const rows = planned.map(({ queue, limit, taken }) => [
      queue,
      bytesText(limit),
      bytesText(taken),
      bytesText(Math.max(0, limit - taken)),
    ]);
    const { red, green } = this.style;
    const verdict =
      needed <= free
        ? green(`It fits: ${bytesText(free - needed)} are left when all are full.`)
        : red(`It does not fit: ${bytesText(needed - free)} are missing.`);
    return [
      table([['QUEUE', 'AT MOST', 'TAKEN', 'MAY STILL TAKE'], ...rows]),
      `\n${countedText(count, 'queue')}: ${bytesText(needed)} may still be taken; the filesystem has ${bytesText(free)} free.\n`,
      `${verdict}\n`,
    ].join('');
  }
}
