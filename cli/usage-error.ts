/**
 * What is said about a command line that is not understood.
 */
import { COMMANDS, nameOf, type RoteraCommand } from './commands.js';
import { commandWord, type Definitions, optionsOf } from './options.js';

/** What is wrong, and where to look. */
export function usageText(
  cli: Definitions,
  words: readonly string[],
  command: RoteraCommand | undefined,
  error: unknown,
): string {
  if (command === undefined) {
    return unknownCommand(commandWord(words) ?? words[0] ?? '');
  }
  const name = nameOf(command);
  const reason =
    unknownOption(cli, words, command) ??
    withoutValue(cli, words, command) ??
    extraWord(cli, words, command) ??
    reasonOf(error, command);
  return `${reason}\nusage: ${`rotera ${name} [options] ${command.synopsis}`.trimEnd()}\nSee rotera ${name} --help.`;
}

export const unknownCommand = (word: string): string =>
  `there is no command ${word}.${guess(word, COMMANDS.map(nameOf))} See rotera --help.`;

/** The first option that the command does not have. */
function unknownOption(cli: Definitions, words: readonly string[], command: RoteraCommand): string | undefined {
  const known = optionsOf(cli, command).flatMap(({ names, value }) => {
    const switches = value === undefined ? names.filter((name) => name.startsWith('--')) : [];
    return [...names, ...switches.map((name) => `--no-${name.slice(2)}`)];
  });
  const end = words.indexOf('--');
  const given = (end === -1 ? words : words.slice(0, end)).map((word) => word.replace(/=.*/s, ''));
  const unknown = given.find((word) => /^--?[^\d-]/.test(word) && !known.includes(word) && !isBundle(word, known));
  if (unknown === undefined) return undefined;
  return `${unknown} is no option of ${nameOf(command)}.${guess(unknown, known)}`;
}

/** `-fy` is `-f -y`. */
const isBundle = (word: string, known: readonly string[]): boolean =>
  /^-[^-]{2,}$/.test(word) && [...word.slice(1)].every((letter) => known.includes(`-${letter}`));

/** An option at the end that wants a value. */
function withoutValue(cli: Definitions, words: readonly string[], command: RoteraCommand): string | undefined {
  const last = words.at(-1) as string;
  const option = optionsOf(cli, command).find(({ names, value }) => value !== undefined && names.includes(last));
  return option === undefined ? undefined : `${last} needs a value.`;
}

/** The first word that is more than the command takes. */
function extraWord(cli: Definitions, words: readonly string[], command: RoteraCommand): string | undefined {
  if (command.synopsis.includes('...')) return undefined;
  const most = command.synopsis.split(' ').filter((word) => word !== '').length;
  const options = optionsOf(cli, command);
  const takesValue = (word = ''): boolean =>
    options.some(({ names, value }) => value !== undefined && names.includes(word));
  const end = words.indexOf('--');
  const before = end === -1 ? words : words.slice(0, end);
  const plain = before.filter((word, i) => !word.startsWith('-') && !takesValue(words[i - 1]));
  // The first is the command itself.
  const extra = [...plain, ...words.slice(before.length + 1)][most + 1];
  return extra === undefined ? undefined : `${nameOf(command)} does not know what to do with ${extra}.`;
}

/** clipanion's own reason, without its list of all that would have been possible. */
function reasonOf(error: unknown, command: RoteraCommand): string {
  const name = nameOf(command);
  const message = error instanceof Error ? (error.message.split('\n')[0] as string) : String(error);
  const needed = command.synopsis.replace(/ ?(\[.*\]|\.\.\.)/, '');
  return /^(Command not found|Not enough positional)/.test(message) ? `${name} needs ${needed}.` : message;
}

function guess(word: string, candidates: readonly string[]): string {
  const near = nearest(word, candidates);
  return near === undefined ? '' : ` Did you mean ${near}?`;
}

/** The candidate that differs by least; undefined when all differ by more than two letters. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, far: candidate.startsWith(word) ? 0 : distance(word, candidate) }))
    .sort((a, b) => a.far - b.far);
  return word !== '' && ranked[0] !== undefined && ranked[0].far <= 2 ? ranked[0].candidate : undefined;
}

/** Letters to insert, remove or change to make one word of the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const above = row;
    row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min((above[j] as number) + 1, (row[j - 1] as number) + 1, change);
    }
  }
  return row[b.length] as number;
}
