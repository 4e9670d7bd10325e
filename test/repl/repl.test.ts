import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { appendHistory, HISTORY_LINES, historyPath, readHistory } from '../../cli/repl/history.js';
import { Session } from '../../cli/repl/session.js';
import { splitWords } from '../../cli/repl/split-words.js';
import { completeLine, findWord, WORDS } from '../../cli/repl/words.js';
import { buildApp } from '../../src/server/app.js';
import { certificate, withoutOpenssl } from '../support/certificate.js';
import { Running, runHere } from '../support/cli.js';
import { Restartable } from '../support/gateway.js';
import { openQueues, SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';

t.test('a script of words does what the commands do', async (t) => {
  const { client, url } = await startServer(t);
  const script = [
    ':create jobs --max-messages 100 --max-bytes 1M --no-reserve',
    ':push several words,  with "quotes" and spaces ',
    ':push --json',
    'push without a colon',
    ':read',
    ':batch 2',
    ':print-ids off',
    ':from -2',
    ':read',
    ':from 0',
    ':read-batch 1',
    ':read',
  ];
  const { code, stdout } = await runHere(['repl'], { ROTERA_URL: url }, script.join('\n'));
  t.equal(code, 0);
  const { messages } = await client.read('jobs');
  t.strictSame(
    messages.map(({ text }) => text),
    ['several words,  with "quotes" and spaces ', '--json', 'without a colon'],
  );
  t.match(await client.stat('jobs'), { maxMessages: 100, reserve: false });
  t.equal(
    stdout
      .toString()
      .split('\n')
      .filter((line) => /word|json|colon/.test(line) && !line.includes('pushed'))
      .join('\n'),
    [
      '0\tseveral words,  with "quotes" and spaces ',
      '1\t--json',
      '2\twithout a colon',
      '--json',
      'without a colon',
      'several words,  with "quotes" and spaces ',
      '--json',
      'without a colon',
    ].join('\n'),
  );
});

t.test('a queue that is made is chosen, wherever its name stands', async (t) => {
  const { client, url } = await startServer(t);
  const script = [':create --max-bytes 1M --no-reserve jobs', ':push a'];
  t.equal((await runHere(['repl'], { ROTERA_URL: url }, script.join('\n'))).code, 0);
  t.match(await client.stat('jobs'), { next: 1 });
});

t.test('how the server is reached counts for every word', { skip: withoutOpenssl }, async (t) => {
  const app = await buildApp({ queues: await openQueues(t, t.testdir()), tls: certificate(t.testdir()) });
  t.teardown(() => app.close());
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const script = ':create q --no-reserve\n:push a\n:read';
  t.match(await runHere(['repl', '--url', url, '--insecure'], {}, script), {
    code: 0,
    stderr: 'pushed 1 message to q; next is 1\n',
  });
  const nobody = { ROTERA_URL: 'http://127.0.0.1:1' };
  t.match(await runHere(['repl', '--retry', '1s'], nobody, ':stat'), { code: 69, stderr: /Trying again/ });
});

t.test('a queue is asked for once: what goes on for long could not be ended', { timeout: 60_000 }, async (t) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  const repl = new Running(['repl'], { ROTERA_URL: there.url });
  repl.stdin.write(':ping\n');
  await repl.said(/Server is alive/);
  await there.stop();
  repl.stdin.end(':queue q\n');
  t.equal(await repl.done, 69);
  t.match(repl.stderr, /^rotera: No server answers/);
});

t.test('settings, the server and queues are shown', async (t) => {
  const { client, url } = await startServer(t);
  for (const queue of ['a', 'b']) await client.create(queue, SMALL);
  await client.push('b', ['x', 'y']);
  const script = [
    ':queue',
    ':queue b',
    ':stat',
    ':stat a',
    ':ping',
    ':from -1',
    ':current',
    ':help',
    ':clear',
    ':q',
    ':push no',
  ];
  const { code, stdout, stderr } = await runHere(['repl'], { ROTERA_URL: url }, script.join('\n'));
  t.equal(code, 0);
  t.equal(stderr, '');
  const said = stdout.toString();
  t.match(said, /^a +0 .*\nb +2 /m);
  t.match(said, /^b: 2 messages, ids 0 to 2/m);
  t.match(said, /^queue +b$(?:.|\n)*^queue +a$/m);
  t.match(said, /^Server is alive \(.* ms\)\. Next message is 2\.$/m);
  t.match(said, new RegExp(`^server +${url}\nqueue +b\nfrom +-1\nbatch +10\nprint-ids +on$`, 'm'));
  for (const { names } of WORDS)
    t.match(said, new RegExp(`^  ${names.map((name) => `:${name}`).join(', ')}\\b.* \\S`, 'm'));
  t.equal((await client.stat('b')).next, 2, 'nothing runs after :q');
});

t.test('a queue that is named on the command line is chosen', async (t) => {
  const { client, url } = await startServer(t);
  await client.create('q', SMALL);
  t.equal((await runHere(['repl', 'q', '-p', new URL(url).port], {}, ':push a')).code, 0);
  t.equal((await client.stat('q')).next, 1);
});

t.test('what is wrong is told, and the next word runs', async (t) => {
  const { client, url } = await startServer(t);
  await client.create('q', SMALL);
  const wrong: ReadonlyArray<readonly [line: string, exit: number]> = [
    [':nonsense', 2],
    ['just a message', 2],
    [':read', 2],
    [':push a', 2],
    [':from yesterday', 2],
    [':batch many', 2],
    [':batch 0', 2],
    [':read-batch 0', 2],
    [':read-batch', 2],
    [':push', 2],
    [':print-ids perhaps', 2],
    [':queue missing', 66],
    [':create q --max-messages 5', 1],
    [':create', 2],
    [':stat missing', 66],
  ];
  for (const [line, exit] of wrong) {
    const ran = await runHere(['repl'], { ROTERA_URL: url }, `${line}\n:current\n`);
    t.equal(ran.code, exit, line);
    t.not(ran.stderr, '', line);
    t.match(ran.stdout.toString(), /^server /m, `${line}: it goes on`);
  }
  const away = await runHere(['repl'], { ROTERA_URL: 'http://127.0.0.1:1' }, ':queue q\n:ping\n:current');
  t.equal(away.code, 69);
  t.match(away.stdout.toString(), /^queue +none chosen$/m);
});

t.test('in a script a tail ends where the queue ends, and the words behind it run', async (t) => {
  const { client, url } = await startServer(t);
  await client.create('q', SMALL);
  await client.push('q', ['a', 'b']);
  const repl = new Running(['repl', 'q'], { ROTERA_URL: url });
  repl.stdin.write(':tail -1\n:current\n');
  await repl.said(/^1\tb$(?:.|\n)*^queue/m);
  repl.interrupt();
  t.equal(await repl.done, 130, 'an interrupted script ends, though its input is open');
});

t.test('--json is refused: its words speak to people', async (t) => {
  const { code, stderr } = await runHere(['repl', '--json'], {}, ':current');
  t.equal(code, 2);
  t.match(JSON.parse(stderr), { error: 'bad_parameter', parameter: 'json' });
});

t.test('words and queue names are completed', async (t) => {
  const { client, url } = await startServer(t);
  for (const queue of ['jobs', 'log']) await client.create(queue, SMALL);
  const context = { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, env: {}, colorDepth: 1 };
  const session = new Session(client, { ...context, run: async () => ({ exitCode: 0, command: undefined }) });
  const complete = async (line: string): Promise<string[]> => (await completeLine(session, line))[0];
  t.equal((await complete('')).length, WORDS.flatMap(({ names }) => names).length);
  t.strictSame(await complete(':pu'), [':push ']);
  t.strictSame(await complete('pu'), [':push '], 'the colon is added');
  t.strictSame(await complete(':read'), [':read ', ':read-batch ']);
  t.strictSame(await complete(':queue '), ['jobs ', 'log ']);
  t.strictSame(await complete(':queue l'), ['log ']);
  t.strictSame(await complete(':print-ids o'), ['on ', 'off ']);
  t.strictSame(await complete(':create x --max-b'), ['--max-bytes ']);
  t.strictSame(await complete(':push l'), []);
  t.strictSame(await complete(':nonsense l'), []);
  t.ok(url);
});

t.test('every word is found by its names', async (t) => {
  for (const word of WORDS) for (const name of word.names) t.equal(findWord(`:${name}`), word);
  t.equal(new Set(WORDS.flatMap(({ names }) => names)).size, WORDS.flatMap(({ names }) => names).length);
  t.strictSame(splitWords('a "b c" d\'e f\'  --x="1 2"'), ['a', 'b c', 'de f', '--x=1 2']);
});

t.test('lines are kept between runs, for their user only, and not for ever', async (t) => {
  const dir = t.testdir();
  t.equal(historyPath({ HOME: '/home/u' }), '/home/u/.local/state/rotera/history');
  t.equal(historyPath({ HOME: '/home/u', XDG_STATE_HOME: dir }), join(dir, 'rotera', 'history'));
  t.equal(historyPath({}), undefined);
  const path = join(dir, 'rotera', 'history');
  t.strictSame(readHistory(path), []);
  for (const line of [':queue 55', ':read']) appendHistory(path, line);
  t.strictSame(readHistory(path), [':read', ':queue 55'], 'the newest first');
  t.equal(statSync(path).mode & 0o777, 0o600);
  writeFileSync(path, Array.from({ length: 3 * HISTORY_LINES }, (_, i) => `:push ${i}\n`).join(''));
  t.equal(readHistory(path).length, HISTORY_LINES);
  t.equal(readFileSync(path, 'utf8').split('\n').length, HISTORY_LINES + 1, 'the file is cut');
});
