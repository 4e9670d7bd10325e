import { Command, Option } from 'clipanion';
import { RoteraError } from '../../src/errors.js';
import { ClientCommand } from '../command.js';
import { hasPerson } from '../context.js';
import { runRepl } from '../repl/repl.js';
import { Session } from '../repl/session.js';
import { REPL_HINTS } from '../repl/words.js';
import { countedText } from '../units.js';
import { packageVersion } from '../version.js';

export class ReplCommand extends ClientCommand {
  static override paths = [['repl']];
  static synopsis = '[QUEUE]';
  static override usage = Command.Usage({
    category: 'Messages',
    description: 'look around and try things out, line by line',
    details: `
      Words begin with a colon: :help shows them. Tab completes words and queue names; lines are kept for the next time in
      $XDG_STATE_HOME/rotera/history. Reads a script of words when standard input is no terminal; a :tail then ends where
      the queue ends. Also called rotera-repl.
    `,
    examples: [
      ['Look around', '$0 repl'],
      ['Begin with a queue', '$0 repl 55'],
      ['Run some words', "printf ':queue 55\\n:push hello\\n:read\\n' | $0 repl"],
    ],
  });

  queue = Option.String({ name: 'queue', required: false });
  port = Option.String('-p,--port', { description: 'Port on this machine, instead of --url.' });

  /** Its words speak to people. */
  override json = Option.Boolean('--json', false, { hidden: true });

  protected async run(): Promise<void> {
    if (this.json) {
      const text = '--json is no option of repl: run the commands themselves with it.';
      throw new RoteraError('bad_parameter', text, { parameter: 'json' });
    }
    if (this.port !== undefined) this.url = `http://127.0.0.1:${this.port}`;
    // A person's Ctrl-C ends the word that runs; a script is ended as a whole.
    const person = hasPerson(this.context);
    const signal = person ? undefined : this.interruptible();
    const context = { ...this.context, env: this.#environment(), hints: REPL_HINTS };
    const session = new Session(this.client, context, signal, this.#options());
    if (this.queue !== undefined) session.select(this.queue);
    if (person) await this.#greet();
    this.exitCode = await runRepl(session);
  }

  /** The commands that run inside find the same server. */
  #environment(): Record<string, string | undefined> {
    const { token, ca } = this;
    const { url, socketPath } = this.address;
    const given = { ROTERA_URL: url, ROTERA_TOKEN: token, ROTERA_CA: ca, ROTERA_SOCKET: socketPath };
    return { ...this.context.env, ...given };
  }

  /** What the environment cannot tell them. */
  #options(): string[] {
    return [...(this.insecure ? ['--insecure'] : []), ...(this.retry === undefined ? [] : [`--retry=${this.retry}`])];
  }

  async #greet(): Promise<void> {
    const { url, socketPath } = this.address;
    let found: string;
    try {
      const { queues } = await this.client.list({ retryMs: 0 });
      const count = queues.length;
      found =
        count === 0 ? 'no queues yet; make one: :create NAME' : `${countedText(count, 'queue')}: :queue lists them`;
    } catch (error) {
      found = `${error instanceof Error ? error.message : String(error)} Each word tries again`;
    }
    await this.print(`rotera ${packageVersion()} at ${socketPath ?? url}; ${found}. :help shows what there is.\n`);
  }
}
