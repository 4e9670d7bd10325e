/**
 * The manual, from the commands themselves: docs/cli.md.
 */
import { COMMANDS, nameOf, type RoteraCommand } from './commands.js';
import { byCategory, ENVIRONMENT, EXIT_CODE_TEXTS, shown } from './help.js';
import { type Definitions, type OptionText, optionLabel, optionsOf } from './options.js';
import { paragraphs } from './paragraph.js';
import { WORDS } from './repl/words.js';

/** The whole manual. `npm run docs` writes it to docs/cli.md. */
export function manual(cli: Definitions): string {
  const sections = [
    '# The command line',
    'Written by `rotera help --markdown` out of the commands themselves; edit those instead.',
    ...contents(),
    ...COMMANDS.flatMap((command) => commandSection(cli, command)),
    ...sharedSection(cli),
    '## Words of the REPL',
    list(
      WORDS.map(({ names, synopsis, description }) => [
        names.map((name) => `:${name}`).join(', ') + (synopsis && ` ${synopsis}`),
        description,
      ]),
    ),
    '## Environment',
    list(ENVIRONMENT),
    '## Exit codes',
    list(EXIT_CODE_TEXTS),
  ];
  return `${sections.join('\n\n')}\n`;
}

function* contents(): Generator<string> {
  for (const [category, commands] of byCategory()) {
    const lines = commands.map((one) => `* [\`${nameOf(one)}\`](#rotera-${nameOf(one)}): ${one.usage.description}`);
    yield `**${category}**\n\n${lines.join('\n')}`;
  }
}

function commandSection(cli: Definitions, command: RoteraCommand): string[] {
  const { description = '', details = '', examples = [] } = command.usage;
  const options = optionsOf(cli, command);
  const server = options.some(({ shared }) => shared)
    ? ['And the [options of the server](#options-of-the-server).']
    : [];
  return [
    `## rotera ${nameOf(command)}`,
    `\`rotera ${`${nameOf(command)} [options] ${command.synopsis}`.trimEnd()}\``,
    `${description.charAt(0).toUpperCase()}${description.slice(1)}.`,
    ...paragraphs(details),
    list(options.filter(({ shared }) => !shared).map(optionRow)),
    ...server,
    `\`\`\`sh\n${examples.map(([label, line]) => `# ${label}\n${shown(line)}`).join('\n')}\n\`\`\``,
  ];
}

function sharedSection(cli: Definitions): string[] {
  const command = COMMANDS.find((one) => nameOf(one) === 'stat') as RoteraCommand;
  const options = optionsOf(cli, command).filter(({ shared }) => shared);
  return ['## Options of the server', 'Every command that talks to a server has these.', list(options.map(optionRow))];
}

const optionRow = (option: OptionText): [string, string] => [optionLabel(option), option.description];

const list = (rows: ReadonlyArray<readonly [string, string]>): string =>
  rows.map(([left, right]) => `* \`${left}\`: ${right}`).join('\n');
