import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { connect, type RoteraClient } from '../../src/client/node.js';
import { runHere } from '../support/cli.js';
import { Heard, run, type Serving, serve, start } from '../support/program.js';
import { seeded } from '../support/queues.js';

const LIMITS = { maxBytes: 40_000_000, reserve: false };

interface Given extends Serving {
  readonly cwd: string;
  readonly client: RoteraClient;
  readonly env: { readonly ROTERA_URL: string };
}

async function given(t: Test): Promise<Given> {
  const cwd = t.testdir({ rots: {} });
  const serving = await serve(t, [], { cwd });
  return { ...serving, cwd, client: connect({ url: serving.url }), env: { ROTERA_URL: serving.url } };
}

/** Lines as a log has them, of many lengths, some not ASCII. */
function log(lines: number): Buffer {
  const random = seeded(8);
  const words = [
    'status',
    'installed',
    'libc6:amd64',
    'é',
    'upgrade',
    '<none>',
    '2.36-9+deb12u7',
    '{"json":true}',
    '😀',
  ];
  const line = (i: number): string =>
    `2026-01-02 03:04:05 ${i} ${Array.from({ length: 1 + random(9) }, () => words[random(words.length)]).join(' ')}`;
  return Buffer.from(`${Array.from({ length: lines }, (_, i) => line(i)).join('\n')}\n`);
}

t.test('200,000 lines pushed from standard input are read back byte for byte', async (t) => {
  const { client, env } = await given(t);
  await client.create('55', LIMITS);
  const input = log(200_000);
  const pushed = await run(['push', '55'], { env, input });
  t.match(pushed, { code: 0, stdout: Buffer.alloc(0), stderr: /200,000/ });
  const read = await run(['read', '55', '--from', 'oldest', '--limit', '200000'], { env });
  t.equal(read.code, 0);
  t.ok(read.stdout.equals(input), `${read.stdout.length} bytes of ${input.length}`);
  t.match(await client.stat('55'), { next: 200_000, count: 200_000 });
});

t.test('files are pushed, one after the other, and a range is read', async (t) => {
  const { client, env, cwd } = await given(t);
  await client.create('55', LIMITS);
  writeFileSync(join(cwd, 'one.log'), 'a\nb\nc');
  writeFileSync(join(cwd, 'two.log'), 'd\ne\n');
  const pushed = await run(['push', '55', 'one.log', 'two.log', '--json'], { env, cwd });
  t.equal(pushed.code, 0);
  t.strictSame(JSON.parse(pushed.stdout.toString()), { queue: '55', messages: 5, next: 5 });
  const reads: ReadonlyArray<readonly [words: string[], lines: string]> = [
    [[], 'a\nb\nc\nd\ne\n'],
    [['--limit', '2'], 'a\nb\n'],
    [['--from', '1', '--to', '3'], 'b\nc\n'],
    [['--from', '-2'], 'd\ne\n'],
    [['--from=-1'], 'e\n'],
    [['--from', 'next'], ''],
  ];
  for (const [words, lines] of reads) {
    const ran = await runHere(['read', '55', ...words], env);
    t.match(ran, { code: 0, stderr: '' }, words.join(' '));
    t.equal(ran.stdout.toString(), lines, words.join(' '));
  }
  const json = await runHere(['read', '55', '--from', '3', '--json'], env);
  const messages = json.stdout
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  t.match(messages, [
    { id: 3, time: /Z$/, data: 'd' },
    { id: 4, time: /Z$/, data: 'e' },
  ]);
});

t.test('a queue takes more lines than it keeps, and a read tells what is gone', async (t) => {
  const { client, env } = await given(t);
  await client.create('55', { ...LIMITS, maxMessages: 1000 });
  const input = log(5000);
  t.match(await run(['push', '55'], { env, input }), { code: 0, stderr: /5,000/ });
  t.match(await client.stat('55'), { oldest: 4000, next: 5000 });
  const read = await run(['read', '55', '--from', '0', '--limit', '5000'], { env });
  t.equal(read.code, 0);
  const kept = input.toString().split('\n').slice(4000).join('\n');
  t.equal(read.stdout.toString(), kept);
  t.match(read.stderr, /4,000 messages are gone: ids 0 to 3999/);
});

t.test('push hands on what has come while its input goes on', async (t) => {
  const { client, env } = await given(t);
  await client.create('55', LIMITS);
  const push = start(['push', '55'], { env });
  const exited = once(push, 'exit');
  push.stdin?.write('first\nsec');
  t.match(await client.read('55', { from: 0, wait: 60 }), { messages: [{ text: 'first' }] });
  push.stdin?.write('ond\n');
  t.match(await client.read('55', { from: 1, wait: 60 }), { messages: [{ text: 'second' }] });
  push.stdin?.end('third');
  t.strictSame(await exited, [0, null]);
  t.match(await client.read('55', { from: 2 }), { messages: [{ text: 'third' }], next: 3 });
});

/** A push whose queue is removed while its input goes on; `feed` gives it a line. */
async function refusedForGood(t: Test, words: string[], feed: (line: string, push: ChildProcess) => void) {
  const { client, env, cwd } = await given(t);
  await client.create('55', LIMITS);
  const push = start(['push', '55', ...words], { env });
  t.teardown(() => push.kill('SIGKILL'));
  const exited = once(push, 'exit');
  const heard = new Heard(push);
  feed('first\n', push);
  await client.read('55', { from: 0, wait: 60 });
  rmSync(join(cwd, 'rots', '55.rot'));
  while ((await client.list()).queues.length > 0);
  feed('second\n', push);
  const told = /There is no queue 55\..*Acknowledged before that: 1 message\./;
  while (!told.test(heard.stderr)) await once(heard, 'change');
  return { push, exited };
}

t.test('a push that is refused for good ends, although its input stays open', async (t) => {
  const { exited } = await refusedForGood(t, [], (line, { stdin }) => stdin?.write(line));
  t.strictSame(await exited, [66, null]);
});

t.test('a push that is refused for good while it reads a pipe by its name is ended by a signal', async (t) => {
  const fifo = join(mkdtempSync(join(tmpdir(), 'rotera-')), 'fifo');
  t.teardown(() => rmSync(dirname(fifo), { recursive: true }));
  execFileSync('mkfifo', [fifo]);
  // Open for both, it waits for nobody.
  const pipe = openSync(fifo, 'r+');
  t.teardown(() => closeSync(pipe));
  const { push, exited } = await refusedForGood(t, [fifo], (line) => writeSync(pipe, line));
  push.kill('SIGTERM');
  t.strictSame(await exited, [null, 'SIGTERM']);
});

t.test('tail prints what is kept and what comes, until it is interrupted', async (t) => {
  const { client, env } = await given(t);
  await client.create('55', LIMITS);
  await runHere(['push', '55'], env, 'a\nb\n');
  const tail = start(['tail', '55', '--from', '-1'], { env });
  const exited = once(tail, 'exit');
  const heard = new Heard(tail);
  t.equal(await heard.said(2), 'b\n');
  await runHere(['push', '55'], env, 'c\nd\n');
  t.equal(await heard.said(6), 'b\nc\nd\n');
  tail.kill('SIGINT');
  t.strictSame(await exited, [null, 'SIGINT']);
  t.equal(heard.stderr, '');
});

t.test('a reader that goes away ends a command quietly', async (t) => {
  const { client, env } = await given(t);
  await client.create('55', LIMITS);
  await runHere(['push', '55'], env, log(50_000));
  const read = start(['read', '55', '--limit', '50000'], { env });
  const exited = once(read, 'exit');
  const heard = new Heard(read);
  await heard.said(1);
  read.stdout?.destroy();
  t.strictSame(await exited, [0, null]);
  t.equal(heard.stderr, '');
});

t.test('a command whose standard error nobody reads does its work all the same', async (t) => {
  const { client, env } = await given(t);
  await client.create('55', { ...LIMITS, maxMessages: 2 });
  for (const [words, input, output] of [
    [['push', '55'], 'a\nb\nc\n', ''],
    [['read', '55', '--from', '0'], '', 'b\nc\n'],
  ] as const) {
    const child = start(words, { env });
    const exited = once(child, 'exit');
    const heard = new Heard(child);
    child.stderr?.destroy();
    child.stdin?.end(input);
    t.strictSame(await exited, [0, null], words[0]);
    t.equal(await heard.said(output.length), output);
  }
});

t.test('a command that is forgotten half-way says so', async (t) => {
  // Input that never comes, and that keeps no process.
  const stdin = "{ value: new (await import('node:stream')).Readable({ read() {} }) }";
  const preload = `Object.defineProperty(process, 'stdin', ${stdin})`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` };
  const ran = await run(['repl'], { cwd: t.testdir(), env });
  t.equal(ran.code, 70);
  t.match(ran.stderr, /^rotera: It has ended before its work was done\./m);
});
