import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { EXIT_CODES } from '../../cli/exit-codes.js';
import type { ErrorCode } from '../../src/errors.js';
import { runHere } from '../support/cli.js';
import { startServer } from '../support/server.js';

const LIMITS = { maxBytes: 100_000, reserve: false };

t.test('stat shows one queue or all, for people and for programs', async (t) => {
  const { client, url } = await startServer(t);
  const env = { ROTERA_URL: url };
  const said = async (...words: string[]): Promise<string> => (await runHere(words, env)).stdout.toString();
  t.match(await said('stat'), /^no queues/);
  await runHere(['create', 'a', '--max-messages', '2', '--max-bytes', '4k', '--no-reserve'], env);
  await runHere(['push', 'a'], env, '1\n2\n3\n');
  const one = await said('stat', 'a');
  for (const row of [
    /^queue +a$/m,
    /^ids +1 to 3/m,
    /^messages +2 of 2$/m,
    /^bytes +2 B of 4\.0 KiB$/m,
    /^state +ok$/m,
  ]) {
    t.match(one, row);
  }
  t.strictSame(JSON.parse(await said('stat', 'a', '--json')), await client.stat('a'));
  t.match(await said('stat'), /^QUEUE .*\na +2 /);
  t.match(JSON.parse(await said('stat', '--json')), { queue: 'a', maxMessages: 2, maxBytes: 4096 });
});

t.test('a command that fails says why on standard error, with an exit code of its own', async (t) => {
  const { client, url } = await startServer(t);
  await client.create('55', { ...LIMITS, maxMessageBytes: 10 });
  const files = join(t.testdirName, 'files');
  mkdirSync(files);
  writeFileSync(join(files, '55.rot'), '');
  writeFileSync(join(files, '55.txt'), 'no certificate');
  const nobody = 'http://127.0.0.1:1';
  const failures: ReadonlyArray<readonly [words: string[], exit: number, code: ErrorCode]> = [
    [['push', 'none'], 66, 'queue_not_found'],
    [['push', '55'], 1, 'message_too_large'],
    [['push', '55', join(files, 'missing.log')], 66, 'file_unreadable'],
    [['read', 'none'], 66, 'queue_not_found'],
    [['read', '55', '--from', '7'], 1, 'beyond_end'],
    [['read', '55', '--from', 'yesterday'], 2, 'bad_parameter'],
    [['read', '55', '--limit', 'ten'], 2, 'bad_parameter'],
    [['tail', 'none'], 66, 'queue_not_found'],
    [['tail', '55', '--from', 'yesterday'], 2, 'bad_parameter'],
    [['tail', '55', '--from', '7'], 1, 'beyond_end'],
    [['stat', 'none'], 66, 'queue_not_found'],
    [['stat', '../55'], 2, 'bad_name'],
    [['stat', '..'], 2, 'bad_name'],
    [['create', '..'], 2, 'bad_name'],
    [['create', '.'], 2, 'bad_name'],
    [['push', '..'], 2, 'bad_name'],
    [['read', '..'], 2, 'bad_name'],
    [['tail', '..'], 2, 'bad_name'],
    [['read', '55', '-s', join(files, '55.rot')], 2, 'bad_parameter'],
    [['read', '-s', join(files, '55.rot'), '--cursor', 'c'], 2, 'bad_parameter'],
    [['read', '-s', join(files, '55.rot'), '--wait', '1'], 2, 'bad_parameter'],
    [['stat', '55', '-s', join(files, '55.rot')], 2, 'bad_parameter'],
    [['create', 'q', '-s', join(files, 'new.rot')], 2, 'bad_parameter'],
    [['create', '55', '--max-messages', '5'], 1, 'config_mismatch'],
    [['create', '.55'], 2, 'bad_name'],
    [['create', '55', '--max-bytes', '0'], 2, 'bad_parameter'],
    [['create'], 2, 'bad_parameter'],
    [['create', '-s', join(files, '55.rot'), '--no-reserve'], 73, 'file_exists'],
    [['create', '-s', join(files, '55.txt')], 2, 'bad_name'],
    [['create', '-s', join(files, 'nowhere/55.rot')], 78, 'directory_unusable'],
    [['stat', '--url', nobody], 69, 'unreachable'],
    [['read', '55', '--url', nobody], 69, 'unreachable'],
    [['tail', '55', '--url', nobody], 69, 'unreachable'],
    [['push', '55', '--url', nobody], 69, 'unreachable'],
    [['stat', '--url', 'http://'], 2, 'bad_parameter'],
    [['stat', '--watch', '--interval', '0'], 2, 'bad_parameter'],
    [['stat', '--watch', '--interval', '99ms'], 2, 'bad_parameter'],
    [['plan', files, '--max-bytes', '1G'], 2, 'bad_parameter'],
    [['serve', '--port', '0', '--cors-origin', 'foo'], 78, 'bad_config'],
    [['serve', '--port', '0', '--allowed-host', 'http://x'], 78, 'bad_config'],
    [['stat', '--ca', join(files, '55.txt')], 2, 'bad_parameter'],
    [['serve', '--port', '65536'], 78, 'bad_config'],
    [['serve', '--dir', join(files, 'missing'), '--port', '0'], 78, 'directory_unusable'],
  ];
  for (const [words, exit, code] of failures) {
    const input = 'a line of more than ten bytes\n';
    const plain = await runHere(words, { ROTERA_URL: url }, input);
    t.equal(plain.code, exit, words.join(' '));
    t.equal(plain.code, EXIT_CODES[code]);
    t.match(plain.stderr, /^rotera: \S/);
    t.notMatch(plain.stderr, /^ +at |node:internal/m, 'no stack trace');
    t.equal(plain.stdout.length, 0, 'nothing on standard output');
    const json = await runHere([...words, '--json'], { ROTERA_URL: url }, input);
    t.equal(json.code, exit, `${words.join(' ')} --json`);
    t.match(JSON.parse(json.stderr), { error: code, message: String });
  }
});

t.test('words that are not understood are told on standard error', async (t) => {
  for (const words of [
    ['nonsense'],
    ['push'],
    ['read', '55', '--colour'],
    ['read', '55', '66'],
    ['--create', '--up'],
  ]) {
    const ran = await runHere(words);
    t.equal(ran.code, 2, words.join(' '));
    t.equal(ran.stdout.length, 0);
    t.not(ran.stderr, '');
  }
});

t.test('words that are not understood are told as JSON when that is asked for', async (t) => {
  for (const words of [['nonsense'], ['push'], ['read', '55', '--colour']]) {
    const ran = await runHere([...words, '--json']);
    t.equal(ran.code, 2, words.join(' '));
    t.match(JSON.parse(ran.stderr), { error: 'bad_parameter', message: String });
  }
});

t.test('a word too many, and an option that there is none of, are named', async (t) => {
  for (const command of ['create', 'stat', 'read', 'plan', 'repl', 'tail', 'resize'])
    t.match((await runHere([command, 'a', 'extra'])).stderr, / extra\./, command);
  t.match((await runHere(['serve', '--port', '1', 'extra'])).stderr, / extra\./);
  t.match((await runHere(['stat', 'a', '--', '-b'])).stderr, / -b\./);
  t.match((await runHere(['mirror', 'a'])).stderr, /needs SOURCE TARGET/);
  const { stderr } = await runHere(['push', '55', '--foo']);
  t.match(stderr, /--foo is no option of push/);
  t.notMatch(stderr, /Did you mean/);
  t.match((await runHere(['create', 'q', '--no-reserv'])).stderr, /Did you mean --no-reserve\?/);
});

t.test('help that there is none of', async (t) => {
  for (const words of [
    ['help', 'nonsense'],
    ['nonsense', '--help'],
  ]) {
    const ran = await runHere(words);
    t.match(ran, { code: 2, stderr: /nonsense/ }, words.join(' '));
    t.equal(ran.stdout.length, 0);
  }
});

t.test('help is there for every command, with examples', async (t) => {
  const commands = ['serve', 'create', 'push', 'read', 'tail', 'stat'];
  for (const words of [[], ['--help'], ['-h']]) {
    const { code, stdout } = await runHere(words);
    t.equal(code, 0);
    for (const command of commands) t.match(stdout.toString(), new RegExp(`^ {2}${command}\\b`, 'm'));
  }
  for (const command of commands) {
    const { code, stdout } = await runHere([command, '--help']);
    t.equal(code, 0);
    t.match(stdout.toString(), /Examples/i, command);
  }
  t.match((await runHere(['--version'])).stdout.toString(), /^\d+\.\d+\.\d+\n$/);
  t.strictSame(await runHere(['serve', '--version']), await runHere(['--version']));
});
