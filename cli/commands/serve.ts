import { Command, Option } from 'clipanion';
import { type Config, configSchema, DEFAULTS, OPTIONS, optionNames, variableOf } from '../../src/config/config.js';
import { readConfig } from '../../src/config/read-config.js';
import { BaseCommand } from '../command.js';

/** The name and the description of an option's flag, from the table of options. */
function flagOf(key: keyof Config): [name: string, { description: string }] {
  const { flag, description } = OPTIONS[key];
  const value = (DEFAULTS as Partial<Config>)[key];
  const fallback = typeof value === 'string' || typeof value === 'number' ? ` (${value})` : '';
  const again = Array.isArray(value) ? ' Can be given again.' : '';
  return [`--${flag}`, { description: description.replace(/\.$/, `${fallback}.${again}`) }];
}

const variables = optionNames.filter((key) => OPTIONS[key].flag !== undefined).map(variableOf);

export class ServeCommand extends BaseCommand {
  static override paths = [['serve']];
  static synopsis = '';
  static override usage = Command.Usage({
    category: 'Server',
    description: 'serve the queues of a directory',
    details: `
      Without --dir, serves the current directory when it holds rot files, else ./rots. Stops on SIGINT or SIGTERM: tails are
      told, waiting pushes finished. One server at a time has a directory.

      Every option can be given in the environment (${variables.join(', ')}) and in a configuration file, which can declare
      queues as well: {"dir": "/var/lib/rotera", "queues": {"13": {}, "jobs": {"maxMessages": 1000}}}. A flag beats the
      environment, which beats the file. SIGHUP reads the file again: queues that are new in it are made; at a
      terminal it stops the server.
    `,
    examples: [
      ['Serve ./rots on 127.0.0.1:8245', '$0 serve'],
      ['Serve another directory on another port', '$0 serve --dir /var/lib/rotera --port 9000'],
      ['Serve what a file says, after a look whether it is good', '$0 serve --config FILE --check-config'],
    ],
  });

  config = Option.String('--config', { description: 'Configuration file (JSON); also ROTERA_CONFIG.' });
  dir = Option.String(...flagOf('dir'));
  host = Option.String(...flagOf('host'));
  port = Option.String(...flagOf('port'));
  socket = Option.String(...flagOf('socket'));
  logLevel = Option.String(...flagOf('logLevel'));
  tokensFile = Option.String(...flagOf('tokensFile'));
  tlsCert = Option.String(...flagOf('tlsCert'));
  tlsKey = Option.String(...flagOf('tlsKey'));
  allowAnonymous = Option.Boolean(...flagOf('allowAnonymous'));
  allowedHosts = Option.Array(...flagOf('allowedHosts'));
  corsOrigins = Option.Array(...flagOf('corsOrigins'));
  maxPushBytes = Option.String(...flagOf('maxPushBytes'));
  maxConnections = Option.String(...flagOf('maxConnections'));
  maxTails = Option.String(...flagOf('maxTails'));
  maxTailsPerToken = Option.String(...flagOf('maxTailsPerToken'));
  checkConfig = Option.Boolean('--check-config', false, { description: 'Only say whether the configuration is good.' });
  printSchema = Option.Boolean('--print-config-schema', false, {
    description: 'Only print the JSON schema of the configuration file.',
  });

  /** The usual one is for those who look for a server. */
  protected override readonly hints = { unreachable: '' };

  protected async run(): Promise<void> {
    if (this.printSchema) return this.print(`${JSON.stringify(configSchema(), null, 2)}\n`);
    const { stdout, stderr, env } = this.context;
    const load = (): Config => readConfig(this, env);
    // Loading a server takes longer than all the other commands together: it is for those who want one.
    const { checkConfig, serve } = await import('../../src/main.js');
    const version = this.cli.binaryVersion ?? 'unknown';
    if (!this.checkConfig) {
      this.context.goOnUnread?.();
      return serve(load, { stdout, stderr, env, version, json: this.json });
    }
    const config = load();
    await checkConfig(config);
    await this.print(this.json ? `${JSON.stringify(config)}\n` : 'The configuration is good.\n');
  }
}
