/**
 * What all commands share: errors on standard error with an exit code that means something, and all input and output through
 * the context, so that a command can be run inside a test.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Command, Option } from 'clipanion';
import { connect, DEFAULT_URL, type RoteraClient } from '../src/client/node.js';
import { messageOf, RoteraError } from '../src/errors.js';
import { type Context, type Hints, Interrupted } from './context.js';
import { optional, parseSeconds } from './numbers.js';
import { report } from './report.js';
import { type Style, styleFor } from './style.js';

/** How long a command tries to reach its server: not at all at first, so that a wrong address is told; then for a restart. */
const PATIENCE_MS = { first: 0, later: 5 * 60_000 };

/** A command that ends with exit code 0 unless it throws or is interrupted. */
export abstract class BaseCommand extends Command<Context> {
  json = Option.Boolean('--json', false, { description: 'Print JSON, one object a line; errors too.' });

  /** What to do about an error, where the usual advice is not for this command. */
  protected readonly hints: Hints = {};
  /** What the command ends with when it has done its work. */
  protected exitCode = 0;
  /** Ends the command when it is aborted. */
  protected signal: AbortSignal = new AbortController().signal;

  /** Does the work. @throws anything: a RoteraError decides the exit code */
  protected abstract run(): Promise<void>;

  async execute(): Promise<number> {
    try {
      await this.run();
      return this.signal.reason instanceof Interrupted ? this.signal.reason.exitCode : this.exitCode;
    } catch (error) {
      if (error instanceof Interrupted) return error.exitCode;
      // Whoever read our output has gone (as in `rotera read q | head`): nothing to say.
      if (error instanceof Error && 'code' in error && error.code === 'EPIPE') return 0;
      return this.report(error);
    }
  }

  /** Says on standard error what went wrong; answers the exit code. */
  protected report(error: unknown): number {
    const { stderr, env, hints } = this.context;
    return report(error, { stderr, env, hints: { ...this.hints, ...hints }, json: this.json });
  }

  /** From now on Ctrl-C aborts `signal` instead of ending the process. */
  protected interruptible(): AbortSignal {
    this.signal = this.context.interrupt?.() ?? this.signal;
    return this.signal;
  }

  /** Writes to standard output; resolves when it has been written out. @throws EPIPE when nobody reads it any more */
  protected print(text: string | Uint8Array): Promise<void> {
    const { stdout } = this.context;
    return new Promise((resolve, reject) => {
      stdout.write(text, (error) => (error ? reject(error) : resolve()));
    });
  }

  protected printJson(value: unknown): Promise<void> {
    return this.print(`${JSON.stringify(value)}\n`);
  }

  /** Tells people something on standard error; as JSON when that is asked for. */
  protected notice(text: string, facts: object): void {
    this.context.stderr.write(this.json ? `${JSON.stringify(facts)}\n` : `rotera: ${text}\n`);
  }

  protected get style(): Style {
    return styleFor(this.context.stdout, this.context.env);
  }
}

/** A URL; with a socket, that is where it is reached. */
export interface Address {
  readonly url: string;
  readonly socketPath?: string | undefined;
}

/** A command that talks to a server. */
export abstract class ClientCommand extends BaseCommand {
  url = Option.String('--url', { description: 'Address of the server (ROTERA_URL).' });
  token = Option.String('--token', { env: 'ROTERA_TOKEN', description: 'Access token (better: ROTERA_TOKEN).' });
  ca = Option.String('--ca', { env: 'ROTERA_CA', description: 'Certificates to trust, a PEM file (ROTERA_CA).' });
  insecure = Option.Boolean('--insecure', false, { description: 'Take any certificate.' });
  socket = Option.String('--socket', {
    description: 'Unix socket of the server, whatever host --url has (ROTERA_SOCKET).',
  });
  retry = Option.String('--retry', {
    description: 'How long to try when the server is away, such as 30s (not at first, then 5m).',
  });

  /** Whether the command waits for a server for ever, from the beginning, unless --retry says otherwise. */
  protected readonly waitsForServers: boolean = false;
  #client: RoteraClient | undefined;

  /** One client for the whole command. */
  protected get client(): RoteraClient {
    this.#client ??= this.connectTo(this.address);
    return this.#client;
  }

  /** Where the server is. What the command line names beats the environment: an address there is not taken to a socket from here. */
  protected get address(): Address {
    const { ROTERA_URL, ROTERA_SOCKET } = this.context.env;
    const socketPath = this.socket ?? (this.url === undefined ? ROTERA_SOCKET : undefined);
    return { url: this.url ?? ROTERA_URL ?? DEFAULT_URL, socketPath };
  }

  protected connectTo({ url, socketPath }: Address, token: string | undefined = this.token): RoteraClient {
    const retry = optional(parseSeconds, 'retry', this.retry);
    const fallback = this.waitsForServers
      ? { first: Number.POSITIVE_INFINITY, later: Number.POSITIVE_INFINITY }
      : PATIENCE_MS;
    return connect({
      url,
      token,
      ca: this.ca === undefined ? undefined : readCertificates('ca', this.ca),
      insecure: this.insecure,
      socketPath,
      retryMs: retry === undefined ? fallback.later : retry * 1000,
      firstRetryMs: retry === undefined ? fallback.first : retry * 1000,
      onRetry: (error) => this.#tellRetry(error),
    });
  }

  #toldRetry = '';

  /** Once per reason: a server that stays away is not told of every time. */
  #tellRetry(error: RoteraError): void {
    if (this.#toldRetry === error.message) return;
    this.#toldRetry = error.message;
    this.notice(`${error.message} Trying again.`, { retry: error.code, message: error.message });
  }
}

function readCertificates(option: string, path: string): Buffer {
  try {
    const bytes = readFileSync(path);
    // TLS takes a file that holds none for an empty list.
    if (!bytes.includes('CERTIFICATE-----')) throw new Error('it holds no certificate in PEM');
    new X509Certificate(bytes);
    return bytes;
  } catch (cause) {
    const text = `--${option} ${path} cannot be read: ${messageOf(cause)}.`;
    throw new RoteraError('bad_parameter', text, { parameter: option, value: path }, { cause });
  }
}
