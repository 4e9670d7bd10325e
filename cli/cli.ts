/**
 * The list of commands, and how a command line is run.
 */
import { readFileSync } from 'node:fs';
import { type BaseContext, Builtins, Cli } from 'clipanion';
import { CreateCommand } from './commands/create.js';
import { PushCommand } from './commands/push.js';
import { ReadCommand } from './commands/read.js';
import { ServeCommand } from './commands/serve.js';
import { StatCommand } from './commands/stat.js';
import { TailCommand } from './commands/tail.js';
import { USAGE } from './exit-codes.js';

/** The package's own version, wherever it runs from: as TypeScript, or built in `dist`. */
function version(): string {
  for (const path of ['../package.json', '../../package.json']) {
    try {
      return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')).version as string;
    } catch {
      // Not here: the other place.
    }
  }
  return 'unknown';
}

export function buildCli({ stdout, env }: Pick<BaseContext, 'stdout' | 'env'>): Cli {
  // https://no-color.org: any value but the empty one.
  const enableColors = (stdout as NodeJS.WriteStream).isTTY === true && !env['NO_COLOR'];
  const cli = new Cli({
    enableColors,
    binaryLabel: 'rotera',
    binaryName: 'rotera',
    binaryVersion: version(),
  });
  for (const command of [ServeCommand, CreateCommand, PushCommand, ReadCommand, TailCommand, StatCommand])
    cli.register(command);
  cli.register(Builtins.HelpCommand);
  cli.register(Builtins.VersionCommand);
  return cli;
}

/**
 * The words as clipanion takes them: `--create`, as in the Haskell rotera, is `create`; and a negative number behind an option
 * is its value (`--from -10`), which clipanion takes for an option.
 */
function normalize(args: readonly string[]): string[] {
  const words: string[] = [];
  for (const word of args) {
    const previous = words.at(-1);
    if (words.length === 0 && word === '--create') words.push('create');
    else if (/^-\d+$/.test(word) && previous?.startsWith('--')) words.splice(-1, 1, `${previous}=${word}`);
    else words.push(word);
  }
  return words;
}

/** Runs one command line. Resolves to its exit code: nothing is thrown. */
export async function runCli(args: readonly string[], context: BaseContext): Promise<number> {
  const cli = buildCli(context);
  const words = normalize(args);
  try {
    // clipanion would print a command line that it does not understand on standard output.
    return await cli.run(cli.process(words.length === 0 ? ['--help'] : words, context), context);
  } catch (error) {
    context.stderr.write(`${cli.error(error, { colored: false }).trimEnd()}\n`);
    return USAGE;
  }
}
