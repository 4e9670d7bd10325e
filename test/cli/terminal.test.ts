import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import t from 'tap';
import { COMMANDS, nameOf } from '../../cli/commands.js';
import type { RoteraClient } from '../../src/client/node.js';
import { ROTERA } from '../support/program.js';
import { SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';
import { Terminal, type TerminalOptions, withoutTmux } from '../support/terminal.js';

const skip = withoutTmux;
/** Longer than what is not worth a bar. */
const WORTH_A_BAR_MS = 600;

interface Given {
  readonly dir: string;
  readonly client: RoteraClient;
  /** Runs a command on a terminal. */
  readonly run: (words: readonly string[], options?: TerminalOptions) => Terminal;
}

/** A server with the queue `jobs` of two messages, one of which would paint the terminal. */
async function given(t: Test): Promise<Given> {
  const dir = t.testdir({ rots: {} });
  const { client, url } = await startServer(t, { directory: join(dir, 'rots') });
  await client.create('jobs', { ...SMALL, maxMessages: 8 });
  await client.push('jobs', ['plain', '\u001b[31mred']);
  const run: Given['run'] = (words, options = {}) =>
    new Terminal(t, [ROTERA, ...words], { cwd: dir, ...options, env: { ROTERA_URL: url, ...options.env } });
  return { dir, client, run };
}

t.test('what each command shows that ends by itself', { skip }, async (t) => {
  const { run } = await given(t);
  const file = 'rots/jobs.rot';
  const screens: ReadonlyArray<readonly [words: string[], screen: RegExp]> = [
    [
      ['create', 'new', '--max-bytes', '1M', '--no-reserve'],
      /^queue +new$(?:.|\n)*^oldest 0 \|\.+\| next 0 +0% of max/m,
    ],
    [['push', 'jobs', '-m', 'third'], /^pushed 1 message to jobs; next is 3$/m],
    [['read', 'jobs', '--format', 'ids'], /^0 +plain\n1 +\\x1b\[31mred\n2 +third$/m],
    [['tail', '-n', '1', 'jobs'], /^third$/m],
    [['stat'], /^QUEUE +MESSAGES .*STATE\njobs +3 .* ok\nnew +0 .* ok$/m],
    [['stat', 'jobs'], /^messages +3 of 8$(?:.|\n)*^oldest 0 \|#+\.+\| next 3 +37% of max messages$/m],
    [
      ['mirror', '--create', '--once', 'jobs', 'mirrored'],
      /^rotera: copying jobs to mirrored\nrotera: copied 3 messages$/m,
    ],
    [['check', file], /jobs\.rot: sound; 3 messages in \d blocks?/],
    [['snapshot', file, 'copy.rot'], /ids 0 to 3 \(exclusive\)/],
    [['resize', 'copy.rot', '--max-messages', '1'], /it keeps ids 2 to 3 \(exclusive\)/],
    [['plan', 'rots'], /^QUEUE +AT MOST .*(?:.|\n)*^3 queues: (?:.|\n)*^It fits: /m],
    [['token', 'alice'], /^token +rot_\S+$(?:.|\n)*^line +sha256:\S+ alice/m],
    [['completion', 'bash'], /^complete -o default -F _rotera rotera$/m],
    [['bench', 'new', '--duration', '100ms'], /MESSAGES\/S +BYTES\/S.*\npush .*\nread .*\ntail /],
    [['--help'], /^First steps\n(?:.|\n)*rotera create 55/m],
  ];
  for (const [words, screen] of screens) {
    const terminal = run(words, { rows: 60 });
    await terminal.shows(screen);
    t.equal(await terminal.exited(), 0, words.join(' '));
  }
  const elsewhere = ['serve', 'remove', 'repl'];
  t.strictSame(
    new Set([...screens.flatMap(([[name = '']]) => (name === '--help' ? [] : [name])), ...elsewhere]),
    new Set(COMMANDS.map(nameOf)),
    'every command has been on a terminal',
  );
});

t.test('what goes on until Ctrl-C', { skip }, async (t) => {
  const { dir, client, run } = await given(t);
  const tail = run(['tail', '-n', '1', '-f', 'jobs']);
  await tail.shows(/^\\x1b\[31mred$/m);
  await client.push('jobs', 'live');
  await tail.shows(/^live$/m);
  tail.press('C-c');
  t.equal(await tail.exited(), 130);

  const watch = run(['stat', 'jobs', '--watch', '--interval', '100ms']);
  await watch.shows(/^rate +0 messages\/s$/m);
  await client.push('jobs', 'more');
  await watch.shows(/^messages +4 of 8$/m);
  watch.press('C-c');
  t.equal(await watch.exited(), 130);

  const serve = run(['serve', '--dir', dir, '--port', '0']);
  await serve.shows(/^rotera listens on http:\S+$(?:.|\n)*^ {2}queues /m);
  serve.press('C-c');
  t.equal(await serve.exited(), 0);

  const mirror = run(['mirror', '--create', 'jobs', 'copy']);
  await mirror.shows(/copying jobs to copy/);
  const hasCopied = async (next: number): Promise<boolean> =>
    (await client.list()).queues.some((stat) => stat.queue === 'copy' && 'next' in stat && stat.next >= next);
  while (!(await hasCopied(4)));
  // Once another one is copied, those before were answered.
  await client.push('jobs', 'one more');
  while (!(await hasCopied(5)));
  mirror.press('C-c');
  await mirror.shows(/copied [45] messages/);
  t.equal(await mirror.exited(), 130);
});

t.test('remove asks, and takes no for the answer unless it is yes', { skip }, async (t) => {
  const { dir, run } = await given(t);
  const file = join(dir, 'rots', 'jobs.rot');
  for (const [answer, told] of [
    ['n', /is kept$/m],
    ['', /is kept$/m],
    ['y', /^removed /m],
  ] as const) {
    const terminal = run(['remove', file]);
    await terminal.shows(/with all its messages\? \[y\/N\]$/);
    terminal.type(answer).press('Enter');
    await terminal.shows(told);
    t.equal(await terminal.exited(), 0, answer);
  }
});

t.test('lines are typed', { skip }, async (t) => {
  const { client, run } = await given(t);
  const push = run(['push', 'jobs']);
  await push.shows(/reading lines from the terminal; Ctrl-D ends$/);
  push.type('typed').press('Enter');
  while ((await client.stat('jobs')).next < 3);
  push.press('C-d');
  await push.shows(/^pushed 1 message to jobs; next is 3$/m);
  t.equal(await push.exited(), 0);
});

t.test('a long push has a bar, on a narrow terminal too', { skip }, async (t) => {
  const seen = new EventEmitter();
  let pushes = 0;
  let wasSeen = false;
  const dir = t.testdir({ rots: {}, lines: `${'x'.repeat(99)}\n`.repeat(60_000) });
  const { client, url } = await startServer(t, {
    directory: join(dir, 'rots'),
    prepare: (app) => {
      app.addHook('preHandler', async ({ method }) => {
        if (method !== 'POST') return;
        // The first takes so long that a bar is drawn; the next one waits until it has been seen.
        if (++pushes === 1) await setTimeout(WORTH_A_BAR_MS);
        else if (!wasSeen) await once(seen, 'bar');
      });
    },
  });
  await client.create('q', { maxBytes: 8 * 1024 * 1024, reserve: false });
  for (const columns of [100, 36]) {
    pushes = 0;
    wasSeen = false;
    const terminal = new Terminal(t, [ROTERA, 'push', 'q', join(dir, 'lines')], { columns, env: { ROTERA_URL: url } });
    const screen = await terminal.shows(/^=*-+ \d+% +[\d.]+ [KM]iB\/s +[\dms. ]+ left/);
    t.ok(!screen.includes('\n'), 'it takes one line');
    if (columns === 100) t.match(screen, /left {2}[\d,]+ messages {2}[\d.]+ [KM]iB$/);
    wasSeen = true;
    seen.emit('bar');
    await terminal.shows(/^pushed 60,000 messages to\s*q; next is\s+\d+$/m);
    t.equal(await terminal.exited(), 0);
  }
});

t.test('colours are for terminals that want them, and a narrow one loses no number', { skip }, async (t) => {
  const { run } = await given(t);
  const plain = run(['stat', 'jobs'], { env: { NO_COLOR: '1' } });
  await plain.exited();
  t.equal(plain.painted, plain.screen, 'NO_COLOR');
  const painted = run(['stat', 'jobs'], { columns: 36 });
  await painted.exited();
  t.match(painted.painted, '\u001b[32m#', 'the ring is green');
  t.match(painted.screen, /^\|#+\.+\|\noldest 0 next 2 {3}25% of max message/m);
  const wrong = run(['stat', 'none']);
  t.equal(await wrong.exited(), 66);
  t.match(wrong.painted, '\u001b[31mrotera:\u001b[39m There is no queue none');
  const narrow = run(['stat'], { columns: 32 });
  await narrow.exited();
  t.match(narrow.screen, /^QUEUE +MESSAGES +FULL +STATE\njobs +2 +25% +ok$/m);
});
