/**
 * The options of a command, as help and completion need them.
 */
import type { Command } from 'clipanion';
import { nameOf, type RoteraCommand } from './commands.js';
import type { Context } from './context.js';

/** Where clipanion tells of its commands. */
export type Definitions = Pick<Command<Context>['cli'], 'binaryName' | 'definitions'>;

export interface OptionText {
  /** All spellings, such as `-n` and `--limit`. */
  readonly names: readonly string[];
  /** The word that stands for its value; undefined for a switch. */
  readonly value: string | undefined;
  readonly description: string;
  /** Whether every command that talks to a server has it. */
  readonly shared: boolean;
}

const SHARED: ReadonlySet<string> = new Set(['--url', '--token', '--ca', '--insecure', '--socket', '--retry']);
const SWITCH = '--insecure';

/** The word that names the command. Shared options may stand in front of it: `rotera --url URL read 55`. */
export const commandWord = (words: readonly string[]): string | undefined =>
  words.find((word, i) => {
    const before = words[i - 1] ?? '';
    return !word.startsWith('-') && (before === SWITCH || !SHARED.has(before));
  });

/** What clipanion knows of a command's options: `-n,--limit #0`. */
export function optionsOf(cli: Definitions, command: RoteraCommand): OptionText[] {
  const path = `${cli.binaryName} ${nameOf(command)}`;
  const definition = cli.definitions().find((one) => one.path === path);
  const options = definition?.options ?? [];
  const talksToServer = options.some(({ definition: text }) => text.startsWith('--url'));
  return options.map(({ definition: text, description = '' }) => {
    const [spellings = '', value] = text.split(' ');
    const names = spellings.split(',');
    const long = names.at(-1) as string;
    // `--max-tails-per-token` takes tails.
    const [counted = ''] = long.slice(2).split('-per-');
    const word = counted.split('-').at(-1) as string;
    return {
      names,
      value: value === undefined ? undefined : word.toUpperCase(),
      description: description.trim(),
      shared: talksToServer && SHARED.has(long),
    };
  });
}

/** `-n, --limit LIMIT` */
export const optionLabel = ({ names, value }: OptionText): string =>
  `${names.join(', ')}${value === undefined ? '' : ` ${value}`}`;
