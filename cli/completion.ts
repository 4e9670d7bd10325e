/**
 * What a command line may go on with: for the shells.
 */
import type { RoteraClient } from '../src/client/node.js';
import { COMMANDS, findCommand, nameOf, type RoteraCommand } from './commands.js';
import { FORMATS } from './message-format.js';
import { type Definitions, optionsOf } from './options.js';
import { SHELLS } from './shells.js';

/** Values of options that are known beforehand. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  '--format': FORMATS,
  '--from': ['oldest', 'next', '-10', '10m'],
  '--log-level': ['error', 'warn', 'info', 'debug'],
};

/**
 * Candidates for the last word. Empty where only files can stand: the shell offers those by itself.
 * @param words behind `rotera`; the last is the one being typed, and may be empty
 */
export async function candidates(cli: Definitions, words: readonly string[], client: RoteraClient): Promise<string[]> {
  const typed = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const offers = await offersFor(cli, before, typed, client);
  return offers.filter((offer) => offer.startsWith(typed));
}

async function offersFor(
  cli: Definitions,
  before: readonly string[],
  typed: string,
  client: RoteraClient,
): Promise<readonly string[]> {
  const command = findCommand(before[0]);
  if (command === undefined) return before.length === 0 ? [...COMMANDS.map(nameOf), 'help', '--version'] : [];
  if (typed.startsWith('-')) return [...optionsOf(cli, command).flatMap(({ names }) => names), '--help'];
  const previous = before.at(-1) as string;
  const values = VALUES[previous];
  if (values !== undefined) return values;
  if (nameOf(command) === 'completion') return SHELLS;
  return wantsQueue(cli, command, before) ? queueNames(client) : [];
}

/** Whether the word is the first that is no option, of a command that takes a queue there. */
function wantsQueue(cli: Definitions, command: RoteraCommand, before: readonly string[]): boolean {
  if (!/^\[?QUEUE/.test(command.synopsis)) return false;
  const options = optionsOf(cli, command);
  const takesValue = (word: string): boolean =>
    options.some(({ names, value }) => value !== undefined && names.includes(word));
  return (
    before.slice(1).every((word, i, all) => word.startsWith('-') || takesValue(all[i - 1] ?? '')) &&
    !takesValue(before.at(-1) as string)
  );
}

async function queueNames(client: RoteraClient): Promise<string[]> {
  try {
    const { queues } = await client.list({ retryMs: 0 });
    return queues.map(({ queue }) => queue);
  } catch {
    // No server, no names: a key that is pressed is no place for an error.
    return [];
  }
}
