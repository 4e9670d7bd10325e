import { accessSync, constants } from 'node:fs';
import { Command, Option } from 'clipanion';
import { messageOf, RoteraError } from '../../src/errors.js';
import { type CheckReport, checkRotFile } from '../../src/queue/check.js';
import { BaseCommand } from '../command.js';
import { FAILURE } from '../exit-codes.js';
import { bytesText, countedText } from '../units.js';

export class CheckCommand extends BaseCommand {
  static override paths = [['check']];
  static synopsis = 'FILE ...';
  static override usage = Command.Usage({
    category: 'Files',
    description: 'verify rot files, byte by byte',
    details: `
      Reads each file and verifies all that a rot file promises: its pages, the checksum of every block, ids without a hole,
      and that the counters agree. Changes nothing; the file may be in use. Ends with 1 when one is not sound.
    `,
    examples: [
      ['One file', '$0 check rots/55.rot'],
      ['All of a directory', '$0 check rots/*.rot'],
    ],
  });

  files = Option.Rest({ name: 'file', required: 1 });

  protected async run(): Promise<void> {
    for (const file of this.files) {
      if (!this.#isReadable(file)) continue;
      const report = await checkRotFile(file);
      if (!report.sound) this.exitCode = FAILURE;
      if (this.json) await this.printJson(report);
      else await this.print(this.#text(report));
    }
  }

  /** Tells when it is not: that is not the file's damage, and the others are checked all the same. */
  #isReadable(file: string): boolean {
    try {
      accessSync(file, constants.R_OK);
      return true;
    } catch (cause) {
      const text = `${file} cannot be read: ${messageOf(cause)}.`;
      const exitCode = this.report(new RoteraError('file_unreadable', text, { value: file }, { cause }));
      this.exitCode ||= exitCode;
      return false;
    }
  }

  #text({ file, sound, problems, count, messages, blocks, bytes }: CheckReport): string {
    const { red, green } = this.style;
    const held = `${countedText(messages, 'message')} in ${countedText(blocks, 'block')}, ${bytesText(bytes)}`;
    if (sound) return `${file}: ${green('sound')}; ${held}\n`;
    const listed = problems.map((problem) => `  ${problem}\n`).join('');
    const more = count > problems.length ? `  and ${count - problems.length} more\n` : '';
    return `${file}: ${red(countedText(count, 'problem'))}; ${held}\n${listed}${more}`;
  }
}
