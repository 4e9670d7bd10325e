import { Option } from 'clipanion';
import { ClientCommand } from '../command.js';
import { candidates } from '../completion.js';

/** What the scripts of `rotera completion` call: candidates for the last word, one a line. Not shown in the help. */
export class CompleteCommand extends ClientCommand {
  static override paths = [['complete']];

  words = Option.Rest({ name: 'word' });

  protected async run(): Promise<void> {
    const found = await candidates(this.cli, this.words, this.client);
    await this.print(found.map((one) => `${one}\n`).join(''));
  }
}
