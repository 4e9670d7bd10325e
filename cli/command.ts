/**
 * What all commands share: errors on standard error with an exit code that means something, and output through the context,
 * so that a command can be run inside a test.
 */
import { once } from 'node:events';
import { Command, Option } from 'clipanion';
import { DEFAULT_URL, RoteraClient } from '../src/client/client.js';
import { isRoteraError, messageOf, RoteraError } from '../src/errors.js';
import { EXIT_CODES, FAILURE } from './exit-codes.js';

/** A command that ends with exit code 0 unless it throws. */
export abstract class BaseCommand extends Command {
  json = Option.Boolean('--json', false, { description: 'Print JSON, one object a line.' });

  /** Does the work. @throws anything: a RoteraError decides the exit code */
  protected abstract run(): Promise<void>;

  async execute(): Promise<number> {
    try {
      await this.run();
      return 0;
    } catch (error) {
      // Whoever read our output has gone (as in `rotera read q | head`): nothing to say.
      if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return 0;
      return report(error, this.context.stderr, this.json);
    }
  }

  /** Writes to standard output and waits until it has room for more. */
  protected async print(text: string | Uint8Array): Promise<void> {
    const { stdout } = this.context;
    if (!stdout.write(text)) await once(stdout, 'drain');
  }
}

/** A command that talks to a server. */
export abstract class ClientCommand extends BaseCommand {
  url = Option.String('--url', DEFAULT_URL, { env: 'ROTERA_URL', description: 'Address of the server.' });

  protected get client(): RoteraClient {
    return new RoteraClient({ url: this.url });
  }
}

/** Says what went wrong and what to do; answers the exit code. */
export function report(error: unknown, stderr: NodeJS.WritableStream, json = false): number {
  const known = isRoteraError(error) ? error : undefined;
  if (json) stderr.write(`${JSON.stringify({ error: known?.code ?? 'internal', message: messageOf(error) })}\n`);
  else stderr.write(`rotera: ${messageOf(error)}\n`);
  return known === undefined ? FAILURE : EXIT_CODES[known.code];
}

/** A number given as an option. @throws `bad_parameter` */
export function numberOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+)([kmgt]i?b?)?$/i.exec(text);
  if (match === null) {
    const accepted = 'a whole number, with k, M, G or T behind it for 1024s';
    throw new RoteraError('bad_parameter', `--${name} ${text}: accepted: ${accepted}.`, {
      parameter: name,
      value: text,
      accepted,
    });
  }
  const power = match[2] === undefined ? 0 : 'kmgt'.indexOf((match[2][0] as string).toLowerCase()) + 1;
  return Number(match[1]) * 1024 ** power;
}
