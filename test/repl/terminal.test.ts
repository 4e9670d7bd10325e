import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { WORDS } from '../../cli/repl/words.js';
import { Restartable } from '../support/gateway.js';
import { SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';
import { Terminal, withoutTmux } from '../support/terminal.js';

const program = fileURLToPath(new URL('../../dist/cli/rotera-repl.js', import.meta.url));

t.test('a person tries it out', { skip: withoutTmux }, async (t) => {
  const dir = t.testdir({ rots: {}, state: {} });
  const { client, url } = await startServer(t, { directory: join(dir, 'rots') });
  await client.create('jobs', SMALL);
  const env = { ROTERA_URL: url, XDG_STATE_HOME: join(dir, 'state') };
  const terminal = new Terminal(t, [program], { env });
  await terminal.shows(/1 queue: .*:help shows what there is\.\n>$/);

  terminal.type(':queue j');
  await terminal.shows(/^> :queue j$/m);
  terminal.press('Tab');
  await terminal.shows(/^> :queue jobs$/m);
  terminal.press('Enter');
  await terminal.shows(/^jobs: 0 messages, ids 0 to 0 \(exclusive\)\njobs>$/m);

  terminal.type(':push grüezi   mitenand').press('Enter');
  await terminal.shows(/pushed 1 message to jobs; next is 1\njobs>$/);
  terminal.type(':read').press('Enter');
  await terminal.shows(/^0 +grüezi {3}mitenand\njobs>$/m);

  terminal.type(':tail').press('Enter');
  await terminal.shows(/:tail$/);
  while ((await client.stat('jobs')).tails === 0);
  await client.push('jobs', 'live');
  await terminal.shows(/^1 +live$/m);
  terminal.press('C-c');
  await terminal.shows(/^1 +live\njobs>$/m);

  terminal.type('half a line');
  await terminal.shows(/jobs> half a line$/);
  terminal.press('C-c');
  await terminal.shows(/jobs>$/);
  terminal.press('C-c');
  await terminal.shows(/\(:quit or Ctrl-D leaves\)\njobs>$/);
  terminal.press('Up');
  await terminal.shows(/jobs> :tail$/);
  terminal.press('C-u').type(':quit').press('Enter');
  t.equal(await terminal.exited(), 0);

  t.equal(
    readFileSync(join(dir, 'state', 'rotera', 'history'), 'utf8'),
    ':queue jobs \n:push grüezi   mitenand\n:read\n:tail\n:quit\n',
  );
  const again = new Terminal(t, [program, 'jobs'], { env });
  await again.shows(/jobs>$/);
  again.press('Up', 'Up', 'Up');
  await again.shows(/jobs> :read$/);
  again.press('C-u', 'C-d');
  t.equal(await again.exited(), 0);
});

t.test('a server that goes away and comes back', { skip: withoutTmux }, async (t) => {
  const there = await Restartable.start(t, { directory: t.testdir() });
  await there.server.client.create('q', SMALL);
  const terminal = new Terminal(t, [program, 'q'], { env: { ROTERA_URL: there.url } });
  await terminal.shows(/q>$/);
  terminal.type(':tail').press('Enter');
  while ((await there.server.client.stat('q')).tails === 0);
  await there.stop();
  await terminal.shows(/Trying again\.$/);
  await there.start();
  await there.server.client.push('q', 'back');
  await terminal.shows(/^0 +back$/m);
  terminal.press('C-c');
  await terminal.shows(/q>$/);
  await there.stop();
  terminal.press('C-l').type(':ping').press('Enter');
  await terminal.shows(/^q> :ping\nrotera: No server answers(?:.|\n)*q>$/);
  await there.start();
  terminal.press('C-l').type(':ping').press('Enter');
  await terminal.shows(/^q> :ping\nServer is alive .*\nq>$/);
  terminal.type(':tail').press('Enter');
  while ((await there.server.client.stat('q')).tails === 0);
  terminal.press('C-d');
  t.equal(await terminal.exited(), 0);
});

t.test('Ctrl-D while a word runs leaves when it has run', { skip: withoutTmux }, async (t) => {
  const { client, url } = await startServer(t);
  await client.create('q', SMALL);
  const terminal = new Terminal(t, [program, 'q'], { env: { ROTERA_URL: url } });
  await terminal.shows(/q>$/);
  terminal.press(':', 'p', 'i', 'n', 'g', 'Enter', 'C-d');
  await terminal.shows(/Server is alive/);
  t.equal(await terminal.exited(), 0);
});

t.test('every word on a terminal', { skip: withoutTmux }, async (t) => {
  const { url } = await startServer(t);
  const terminal = new Terminal(t, [program], { env: { ROTERA_URL: url }, columns: 100, rows: 60 });
  await terminal.shows(/no queues yet; make one: :create NAME\. /);
  // Each line on a screen of its own, up to the next prompt.
  const screens: ReadonlyArray<readonly [line: string, screen: RegExp]> = [
    [':help', /^ {2}:queue \[NAME\] (?:.|\n)*^ {2}:quit, :q (?:.|\n)*\n>$/m],
    [':h', /^ {2}:clear, :cls (?:.|\n)*\n>$/m],
    [':push early', /^No queue is chosen: .*\n>$/m],
    [':create --help', /^usage: rotera create (?:.|\n)*^ {2}rotera create -s \S+ .*\n>$/m],
    [':create jobs --max-messages 10 --no-reserve', /^queue +jobs$(?:.|\n)*^oldest 0 \|\.+\| next 0 .*\njobs>$/m],
    [':push a', /^pushed 1 message to jobs; next is 1\njobs>$/m],
    [':push b c', /^pushed 1 message to jobs; next is 2\njobs>$/m],
    [':read', /^0 +a\n1 +b c\njobs>$/m],
    [':read', /^\(nothing more; .*\)\njobs>$/m],
    [':from oldest', /:from oldest\njobs>$/],
    [':batch 1', /:batch 1\njobs>$/],
    [':read', /:read\n0 +a\njobs>$/],
    [':print-ids off', /:print-ids off\njobs>$/],
    [':read', /:read\nb c\njobs>$/],
    [':from 0', /:from 0\njobs>$/],
    [':read-batch 2', /:read-batch 2\na\nb c\njobs>$/],
    [':stat', /^messages +2 of 10$(?:.|\n)*jobs>$/m],
    [':stat jobs', /^messages +2 of 10$(?:.|\n)*jobs>$/m],
    [':queue', /^QUEUE .*\njobs +2 .*\njobs>$/m],
    [':queue none', /^rotera: There is no queue none\. :create NAME makes it.*\njobs>$/m],
    [':current', /^queue +jobs\nfrom +2\nbatch +1\nprint-ids +off\njobs>$/m],
    [':clear', /^jobs>$/],
    [':ping', /^Server is alive \([\d.]+ ms\)\. Next message is 2\.\njobs>$/m],
    [':cls', /^jobs>$/],
  ];
  for (const [line, screen] of screens) {
    // What these take away must be there.
    if (!/^:cl/.test(line)) terminal.press('C-l');
    terminal.type(line).press('Enter');
    await terminal.shows(screen);
  }
  const tested = new Set(screens.map(([line]) => line.slice(1).split(' ')[0] as string));
  // The others have a test of their own above.
  for (const { names } of WORDS)
    t.ok(
      names.some((name) => tested.has(name) || /^(tail|quit)$/.test(name)),
      names.join(),
    );
  terminal.press('C-l').type(':q').press('Enter');
  t.equal(await terminal.exited(), 0);
});
