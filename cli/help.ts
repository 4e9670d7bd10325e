/**
 * Help, from the commands themselves: for the terminal.
 */
import { COMMANDS, nameOf, type RoteraCommand } from './commands.js';
import { type Definitions, type OptionText, optionLabel, optionsOf } from './options.js';
import { paragraphs, wrap } from './paragraph.js';
import type { Style } from './style.js';

const FIRST_STEPS = [
  ['mkdir -p rots', 'where the queues are kept, a file each'],
  ['rotera serve &', 'serves ./rots on 127.0.0.1:8245'],
  ['rotera create 55', 'a queue named 55'],
  ['echo hello | rotera push 55', 'one message a line'],
  ['rotera tail 55 --from oldest', 'everything kept, then what comes; Ctrl-C ends'],
  ['rotera repl', 'look around and try things out'],
] as const;

export const ENVIRONMENT = [
  ['ROTERA_URL', 'address of the server, http://127.0.0.1:8245 by default'],
  ['ROTERA_TOKEN', 'access token'],
  ['NO_COLOR', 'no colours'],
] as const;

/** Exit codes that scripts tell apart. */
export const EXIT_CODE_TEXTS = [
  ['0', 'done'],
  ['1', 'refused: the message says why'],
  ['2', 'the command line is not understood'],
  ['66', 'no such queue or file, or one that cannot be read'],
  ['69', 'no rotera server answers, or what is needed is in use by another program'],
  ['70', 'something is wrong in rotera itself'],
  ['73', 'no room on the disk, or the file exists'],
  ['75', 'try again later'],
  ['77', 'not allowed: no token, or one that is not for this'],
  ['78', 'the configuration or the directory cannot be used'],
  ['130', 'ended by Ctrl-C'],
] as const;

/** Everything on one screen. */
export function generalHelp(version: string, style: Style): string {
  const lines = [
    `${style.bold('rotera')} ${version}: queues that keep the last messages, in files of fixed size`,
    '',
    'usage: rotera COMMAND [options]',
    '       rotera COMMAND --help     its options, with examples',
  ];
  for (const [category, commands] of byCategory()) {
    lines.push('', style.bold(category));
    lines.push(...columns(commands.map((one) => [`${nameOf(one)} ${one.synopsis}`, one.usage.description ?? ''])));
  }
  lines.push('', style.bold('First steps'), ...columns(FIRST_STEPS));
  lines.push('', style.bold('Environment'), ...columns(ENVIRONMENT));
  return `${lines.join('\n')}\n`;
}

export function byCategory(): Map<string, RoteraCommand[]> {
  const categories = new Map<string, RoteraCommand[]>();
  for (const command of COMMANDS) {
    const category = command.usage.category ?? '';
    categories.set(category, [...(categories.get(category) ?? []), command]);
  }
  return categories;
}

/** One command: usage, what it does, options, examples. */
export function commandHelp(cli: Definitions, command: RoteraCommand, style: Style): string {
  const { description = '', details = '', examples = [] } = command.usage;
  const options = optionsOf(cli, command);
  const own = options.filter(({ shared }) => !shared);
  const shared = options.filter((option) => option.shared);
  const lines = [
    `usage: rotera ${nameOf(command)} [options] ${command.synopsis}`.trimEnd(),
    '',
    style.bold(`${description.charAt(0).toUpperCase()}${description.slice(1)}.`),
  ];
  for (const paragraph of paragraphs(details)) lines.push('', ...wrap(paragraph, 78));
  lines.push('', style.bold('Options'), ...optionLines(own));
  if (shared.length > 0) lines.push('', style.bold('Server'), ...optionLines(shared));
  lines.push('', style.bold('Examples'));
  for (const [label, line] of examples) lines.push(`  ${style.dim(`# ${label}`)}`, `  ${shown(line)}`);
  return `${lines.join('\n')}\n`;
}

export const shown = (example: string): string => example.replaceAll('$0', 'rotera');

const optionLines = (options: readonly OptionText[]): string[] =>
  columns(options.map((option) => [optionLabel(option), option.description]));

/** Two columns; what is too long for the first gets a line of its own. */
function columns(rows: ReadonlyArray<readonly [string, string]>): string[] {
  const width = Math.min(30, Math.max(...rows.map(([left]) => left.length)));
  return rows.flatMap(([left, right]) => {
    const [first = '', ...rest] = wrap(right, 76 - width);
    const indent = ' '.repeat(width + 4);
    const head = left.length > width ? [`  ${left}`, `${indent}${first}`] : [`  ${left.padEnd(width)}  ${first}`];
    return [...head, ...rest.map((line) => `${indent}${line}`)];
  });
}
