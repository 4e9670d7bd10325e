import { Command, Option } from 'clipanion';
import { snapshotRotFile } from '../../src/queue/copy.js';
import { BaseCommand } from '../command.js';

export class SnapshotCommand extends BaseCommand {
  static override paths = [['snapshot']];
  static synopsis = 'FILE COPY';
  static override usage = Command.Usage({
    category: 'Files',
    description: 'copy a rot file that may be in use',
    details: `
      The copy is whole and consistent, with the same messages, ids and cursors. Put into a directory that is served it is a
      queue of its own, with an epoch of its own.
    `,
    examples: [['A backup', '$0 snapshot rots/55.rot /backup/55.rot']],
  });

  file = Option.String({ name: 'file', required: true });
  copy = Option.String({ name: 'copy', required: true });

  protected async run(): Promise<void> {
    const { oldest, next } = await snapshotRotFile(this.file, this.copy, this.interruptible());
    if (this.json) await this.printJson({ file: this.file, copy: this.copy, oldest, next });
    else await this.print(`copied ${this.file} to ${this.copy}: ids ${oldest} to ${next} (exclusive)\n`);
  }
}
