/**
 * How a command line is run.
 */
import { Cli } from 'clipanion';
import { RoteraError } from '../src/errors.js';
import { CompleteCommand } from './commands/complete.js';
import { COMMANDS, findCommand } from './commands.js';
import type { Context, Outcome } from './context.js';
import { commandHelp, generalHelp } from './help.js';
import { manual } from './markdown.js';
import { normalize } from './normalize.js';
import { commandWord } from './options.js';
import { report } from './report.js';
import { styleFor } from './style.js';
import { unknownCommand, usageText } from './usage-error.js';
import { packageVersion } from './version.js';

export function buildCli(): Cli<Context> {
  // Help, errors and colours are our own.
  const cli = new Cli<Context>({ binaryName: 'rotera', binaryVersion: packageVersion(), enableColors: false });
  for (const command of [...COMMANDS, CompleteCommand]) cli.register(command);
  return cli;
}

/** Runs one command line. Resolves to its exit code: nothing is thrown. */
export async function runCli(args: readonly string[], context: Context): Promise<number> {
  return (await runWords(buildCli(), args, context)).exitCode;
}

async function runWords(cli: Cli<Context>, args: readonly string[], context: Context): Promise<Outcome> {
  const words = normalize(cli, args);
  const unknown = unknownTopic(words);
  if (unknown !== undefined) return refuse(unknownCommand(unknown), words, context);
  const help = helpFor(cli, words, context);
  if (help !== undefined) {
    context.stdout.write(help);
    return { exitCode: 0, command: undefined };
  }
  try {
    // clipanion would print a command line that it does not understand on standard output.
    const command = cli.process(words, context);
    const run: Context['run'] = (inner, its) => runWords(cli, inner, its);
    return { exitCode: await cli.run(command, { ...context, run }), command };
  } catch (error) {
    const meant = findCommand(commandWord(words));
    return refuse(usageText(cli, words, meant, error), words, context);
  }
}

/** Says what is wrong with a command line. */
function refuse(text: string, words: readonly string[], { stderr, env }: Context): Outcome {
  const json = optionsIn(words).includes('--json');
  const exitCode = report(new RoteraError('bad_parameter', text), { stderr, env, json });
  return { exitCode, command: undefined };
}

/** The words in front of `--`. */
function optionsIn(words: readonly string[]): readonly string[] {
  const end = words.indexOf('--');
  return end === -1 ? words : words.slice(0, end);
}

/** What help is asked for that there is none of, as in `rotera help nonsense`. */
function unknownTopic(words: readonly string[]): string | undefined {
  const before = optionsIn(words);
  const [first = '', second] = before;
  const topic =
    first === 'help' ? second : before.some((word) => word === '--help' || word === '-h') ? first : undefined;
  const isKnown = topic === undefined || topic.startsWith('-') || topic === 'help' || findCommand(topic) !== undefined;
  return isKnown ? undefined : topic;
}

/** What is asked for with `--help`, `help`, `--version`, or nothing at all. */
function helpFor(cli: Cli<Context>, words: readonly string[], { stdout, env }: Context): string | undefined {
  const before = optionsIn(words);
  const style = styleFor(stdout, env);
  const version = packageVersion();
  const [first, second] = before;
  if (before.length === 1 && (first === '--version' || first === '-v')) return `${version}\n`;
  // As `rotera-server` and `rotera-repl` say it.
  if (before.length === 2 && second === '--version' && findCommand(first) !== undefined) return `${version}\n`;
  if (first === 'help' && second === '--markdown') return manual(cli);
  const asks = before.includes('--help') || before.includes('-h');
  const name = first === 'help' ? second : commandWord(before);
  if (words.length > 0 && first !== 'help' && !asks) return undefined;
  const command = findCommand(name);
  return command === undefined ? generalHelp(version, style) : commandHelp(cli, command, style);
}
