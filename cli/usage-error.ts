/**
 * What is said about a command line that is not understood.
 */
import { COMMANDS, nameOf, type RoteraCommand } from './commands.js';

/** One line that says what is wrong, one that says where to look. */
export function usageText(words: readonly string[], command: RoteraCommand | undefined, error: unknown): string {
  const first = words.find((word) => !word.startsWith('-')) ?? words[0] ?? '';
  if (command === undefined) {
    const near = nearest(first, COMMANDS.map(nameOf));
    const hint = near === undefined ? '' : ` Did you mean ${near}?`;
    return `there is no command ${first}.${hint} See rotera --help.`;
  }
  const name = nameOf(command);
  return `${reasonOf(error, command)}\nusage: rotera ${name} [options] ${command.synopsis}\nSee rotera ${name} --help.`;
}

/** clipanion's own reason, without its list of all that would have been possible. */
function reasonOf(error: unknown, command: RoteraCommand): string {
  const message = error instanceof Error ? (error.message.split('\n')[0] as string) : String(error);
  const option = /^Unsupported option name \("(.*)"\)/.exec(message)?.[1];
  if (option !== undefined) return `${option} is no option of ${nameOf(command)}.`;
  if (/^(Command not found|Not enough positional)/.test(message)) return `${nameOf(command)}: something is missing.`;
  if (/^Extraneous positional argument \("(.*)"\)/.test(message)) {
    return `${nameOf(command)} does not know what to do with ${/\("(.*)"\)/.exec(message)?.[1]}.`;
  }
  return message;
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
