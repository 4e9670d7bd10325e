import { Command, Option } from 'clipanion';
import { RoteraError } from '../../src/errors.js';
import { BaseCommand } from '../command.js';
import { SCRIPTS, SHELLS } from '../shells.js';

export class CompletionCommand extends BaseCommand {
  static override paths = [['completion']];
  static synopsis = 'SHELL';
  static override usage = Command.Usage({
    category: 'Tools',
    description: 'print a script by which bash, zsh or fish completes words',
    details: 'Completes commands, options and the names of queues, for which it asks the server that ROTERA_URL names.',
    examples: [
      ['In bash, for this session', 'source <($0 completion bash)'],
      ['In zsh', 'source <($0 completion zsh)'],
      ['In fish', '$0 completion fish | source'],
    ],
  });

  shell = Option.String({ name: 'shell', required: true });

  protected async run(): Promise<void> {
    const shell = SHELLS.find((one) => one === this.shell);
    if (shell === undefined) {
      const accepted = SHELLS.join(', ');
      const text = `${this.shell} is no shell that is known here; accepted: ${accepted}.`;
      throw new RoteraError('bad_parameter', text, { parameter: 'shell', value: this.shell, accepted });
    }
    await this.print(SCRIPTS[shell]);
  }
}
