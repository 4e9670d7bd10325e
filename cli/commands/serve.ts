import { Command, Option } from 'clipanion';
import { readConfig } from '../../src/config.js';
import { serve } from '../../src/main.js';
import { BaseCommand } from '../command.js';

export class ServeCommand extends BaseCommand {
  static override paths = [['serve']];
  static override usage = Command.Usage({
    description: 'Serve the queues of a directory.',
    details: `
      Without --dir, serves the current directory when it holds rot files, else ./rots. Every option can be given in the
      environment as well: ROTERA_DIR, ROTERA_HOST, ROTERA_PORT, ROTERA_LOG_LEVEL. Stops on SIGINT or SIGTERM: tails are
      told, waiting pushes finished.
    `,
    examples: [
      ['Serve ./rots on 127.0.0.1:8245', '$0 serve'],
      ['Serve another directory on another port', '$0 serve --dir /var/lib/rotera --port 9000'],
    ],
  });

  dir = Option.String('--dir', { description: 'Directory of the rot files.' });
  host = Option.String('--host', { description: 'Address to listen on (127.0.0.1).' });
  port = Option.String('--port', { description: 'Port to listen on (8245); 0 for any free one.' });
  logLevel = Option.String('--log-level', {
    description: 'Least severe messages that are logged: error, warn, info, debug (warn).',
  });

  protected async run(): Promise<void> {
    const { dir, host, port, logLevel } = this;
    const config = readConfig({ dir, host, port, logLevel }, this.context.env);
    await serve(config, this.context.stdout, this.context.stderr);
  }
}
