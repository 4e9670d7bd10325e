import { Command, Option } from 'clipanion';
import { ClientCommand } from '../command.js';
import { renderList, renderStat } from '../render.js';

export class StatCommand extends ClientCommand {
  static override paths = [['stat']];
  static override usage = Command.Usage({
    description: 'Show how a queue stands, or all of them.',
    examples: [
      ['All queues', '$0 stat'],
      ['One queue, as JSON', '$0 stat 55 --json'],
    ],
  });

  queue = Option.String({ name: 'queue', required: false });

  protected async run(): Promise<void> {
    if (this.queue !== undefined) {
      const stat = await this.client.stat(this.queue);
      await this.print(this.json ? `${JSON.stringify(stat)}\n` : renderStat(stat));
      return;
    }
    const { queues } = await this.client.list();
    await this.print(this.json ? queues.map((stat) => `${JSON.stringify(stat)}\n`).join('') : renderList(queues));
  }
}
