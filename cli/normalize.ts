/**
 * Command lines as people write them, in the words that clipanion takes.
 */
import { findCommand } from './commands.js';
import { commandWord, type Definitions, optionsOf } from './options.js';

/**
 * `--create`, as in the Haskell rotera, is `create`. The value of an option may begin with a dash (`--from -10`, `-m -5`) and
 * may stand right behind a letter (`-n20`); clipanion takes the one for an option and the other for several.
 */
export function normalize(cli: Definitions, args: readonly string[]): string[] {
  const words = args.map((word, i) => (i === 0 && word === '--create' ? 'create' : word));
  const command = findCommand(commandWord(words));
  if (command === undefined) return words;
  const longNames = new Map(
    optionsOf(cli, command)
      .filter(({ value }) => value !== undefined)
      .flatMap(({ names }) => names.map((name) => [name, names.at(-1) as string])),
  );
  const normal: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word === '--') return [...normal, ...words.slice(i)];
    const next = words[i + 1];
    const glued = longNames.get(word.slice(0, 2));
    if (longNames.has(word) && next?.startsWith('-') === true) {
      normal.push(`${longNames.get(word)}=${next}`);
      i++;
    } else if (/^-[^-]./.test(word) && glued !== undefined) normal.push(`${glued}=${word.slice(2)}`);
    else normal.push(word);
  }
  return normal;
}
