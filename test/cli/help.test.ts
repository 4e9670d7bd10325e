import { readFileSync } from 'node:fs';
import t from 'tap';
import { buildCli } from '../../cli/cli.js';
import { COMMANDS, nameOf } from '../../cli/commands.js';
import { EXIT_CODES, FAILURE, USAGE } from '../../cli/exit-codes.js';
import { commandHelp, EXIT_CODE_TEXTS, generalHelp } from '../../cli/help.js';
import { manual } from '../../cli/markdown.js';
import { optionsOf } from '../../cli/options.js';
import { styleFor } from '../../cli/style.js';
import { nearest } from '../../cli/usage-error.js';
import { runHere } from '../support/cli.js';

const cli = buildCli();
const plain = styleFor(process.stdout, { NO_COLOR: '1' });

t.test('the general help names every command, on lines and on one screen', async (t) => {
  const help = generalHelp('1.2.3', plain);
  for (const command of COMMANDS)
    t.match(help, new RegExp(`^  ${nameOf(command)}\\b.* ${command.usage.description}$`, 'm'));
  const lines = help.split('\n');
  t.ok(lines.length <= 50, `${lines.length} lines`);
  t.ok(Math.max(...lines.map((line) => line.length)) <= 80);
});

t.test('the help of every command tells all its options, and examples that it understands', async (t) => {
  for (const command of COMMANDS) {
    const name = nameOf(command);
    const options = optionsOf(cli, command);
    const help = commandHelp(cli, command, plain);
    t.ok(
      help.split('\n').every((line) => line.length <= 100 || line.includes('rotera')),
      `${name}: lines that fit`,
    );
    for (const { names, description } of options) {
      t.match(help, names.join(', '));
      t.match(description, /^[A-Z].*\.$/s, `${name} ${names.join()}: a sentence`);
    }
    const examples = command.usage.examples ?? [];
    t.ok(examples.length > 0, `${name} has examples`);
    for (const [, example] of examples) {
      const words = / *\$0 ([^|&<>]*)/.exec(example)?.[1]?.trim().split(' ') ?? [];
      t.ok(
        words[0] === name || example.includes(`$0 ${name}`) || COMMANDS.some((one) => nameOf(one) === words[0]),
        example,
      );
      const known = new Set([...options.flatMap(({ names }) => names), '--no-reserve']);
      for (const word of words.filter((one) => /^--?[a-z]/.test(one) && words[0] === name)) {
        t.ok(known.has(word), `${example}: ${word}`);
      }
    }
    t.match(await runHere([name, '--help']), { code: 0, stderr: '' });
    t.equal((await runHere(['help', name])).stdout.toString(), help);
  }
});

t.test('docs/cli.md is what the commands say', async (t) => {
  const written = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');
  t.equal(written, manual(cli), 'npm run docs writes it anew');
  t.equal((await runHere(['help', '--markdown'])).stdout.toString(), written);
});

t.test('every exit code is told in the manual', async (t) => {
  const told = new Set(EXIT_CODE_TEXTS.map(([code]) => Number(code)));
  for (const code of new Set([...Object.values(EXIT_CODES), FAILURE, USAGE])) t.ok(told.has(code), String(code));
});

t.test('colours are for terminals, and not with NO_COLOR', async (t) => {
  const terminal = { isTTY: true } as unknown as NodeJS.WriteStream;
  t.equal(styleFor(terminal, {}).red('x'), '\u001b[31mx\u001b[39m');
  for (const [stream, env] of [
    [terminal, { NO_COLOR: '1' }],
    [terminal, { TERM: 'dumb' }],
    [{} as NodeJS.WriteStream, {}],
  ] as const) {
    t.equal(styleFor(stream, env).red('x'), 'x');
  }
});

t.test('a slip of the keys is guessed', async (t) => {
  const names = COMMANDS.map(nameOf);
  t.equal(nearest('pusj', names), 'push');
  t.equal(nearest('tial', names), 'tail');
  t.equal(nearest('comp', names), 'completion');
  t.equal(nearest('xyzzy', names), undefined);
  t.match((await runHere(['pusj', 'q'])).stderr, /push\?/);
  for (const [words, said] of [
    [['read', 'q', '--fron', '1'], '--fron is no option of read. Did you mean --from'],
    [['read', '--from', '1', '--bogus'], '--bogus is no option of read.\n'],
    [['tail'], 'usage: rotera tail'],
    [['tail', 'q', 'r'], '"?r"?'],
    [['push', 'q', '--delimiter'], 'usage: rotera push'],
  ] as const) {
    t.match(await runHere(words), { code: 2, stderr: new RegExp(said), stdout: { length: 0 } });
  }
});
