import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Command, Option } from 'clipanion';
import { messageOf, RoteraError } from '../../src/errors.js';
import { VERBS } from '../../src/protocol/api.js';
import { giveToOwner } from '../../src/queue/owner.js';
import { makeToken, parseTokens } from '../../src/tokens.js';
import { BaseCommand } from '../command.js';

/** Of a file that was not there: nobody else needs to know who may do what. */
const MODE = 0o600;

export class TokenCommand extends BaseCommand {
  static override paths = [['token']];
  static synopsis = 'NAME';
  static override usage = Command.Usage({
    category: 'Server',
    description: 'make an access token',
    details: `
      Prints the token, which is shown only this once, and adds a line with its hash to the file that the server is given with
      --tokens. A server that runs reads the file again on SIGHUP. Without --tokens, the line is printed for you to add.
    `,
    examples: [
      ['A token that may do everything', '$0 token admin --tokens tokens'],
      [
        'One that may only push, to the queues of the edge',
        "$0 token edge --verbs push,stat --queues 'edge-*' --tokens tokens",
      ],
      ['Use it', 'ROTERA_TOKEN=rot_… $0 push edge-1 < log'],
    ],
  });

  name = Option.String({ name: 'name', required: true });
  tokens = Option.String('--tokens', { description: 'The file of tokens, made when it is not there.' });
  verbs = Option.String('--verbs', '*', {
    description: `What it may do: some of ${VERBS.join(', ')}, with commas (all).`,
  });
  queues = Option.String('--queues', '*', {
    description: 'On which queues: names, with * for anything, with commas (all).',
  });
  replace = Option.Boolean('--replace', false, { description: 'Take away what the file has under this name.' });

  protected async run(): Promise<void> {
    const { name, tokens } = this;
    const { secret, line } = this.#make();
    if (tokens !== undefined) this.#addTo(tokens, line);
    if (this.json) await this.printJson({ name, token: secret, line });
    else await this.print(tokens === undefined ? `token  ${secret}\nline   ${line}\n` : `${secret}\n`);
  }

  #make(): { secret: string; line: string } {
    if (!/^[^\s#]\S*$/.test(this.name)) {
      const text = `${JSON.stringify(this.name)} is no name for a token: one word, which does not begin with #.`;
      throw new RoteraError('bad_parameter', text, { parameter: 'name', value: this.name });
    }
    return makeToken(this.name, this.verbs, this.queues);
  }

  #addTo(path: string, line: string): void {
    const lines = readLines(path);
    parseTokens(lines.join('\n'));
    const others = lines.filter((one) => one.startsWith('#') || one.split(/\s+/)[1] !== this.name);
    if (others.length < lines.length && !this.replace) {
      const text = `${path} has a token named ${this.name} already. Choose another name, or give --replace.`;
      throw new RoteraError('file_exists', text, { parameter: 'name', value: this.name });
    }
    replaceFile(path, `${[...others, line].join('\n')}\n`);
  }
}

/**
 * Writes a whole file anew and puts it in place at once: a server that reads it meanwhile finds the old or the new. It keeps its
 * owner and its mode: whoever makes a token, the server can read it as before.
 */
function replaceFile(path: string, text: string): void {
  const before = statSync(path, { throwIfNoEntry: false });
  const written = `${path}.new`;
  try {
    // What was left by one that was killed may have another mode.
    rmSync(written, { force: true });
    writeFileSync(written, text, { mode: MODE, flag: 'wx' });
    if (before !== undefined) giveToOwner(written, before, path);
    renameSync(written, path);
  } catch (cause) {
    rmSync(written, { force: true });
    if (cause instanceof RoteraError) throw cause;
    const text = `${path} cannot be written: ${messageOf(cause)}.`;
    throw new RoteraError('directory_unusable', text, { parameter: 'tokens' }, { cause });
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw new RoteraError(
      'bad_parameter',
      `${path} cannot be read: ${messageOf(cause)}.`,
      { parameter: 'tokens' },
      { cause },
    );
  }
}
