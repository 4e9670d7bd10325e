import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { COMMANDS, nameOf } from '../../cli/commands.js';
import { SCRIPTS, SHELLS } from '../../cli/shells.js';
import { runHere } from '../support/cli.js';
import { ROTERA, run, serve } from '../support/program.js';
import { SMALL } from '../support/queues.js';
import { startServer } from '../support/server.js';

t.test('candidates for the last word', async (t) => {
  const { client, url } = await startServer(t);
  for (const queue of ['jobs', 'log']) await client.create(queue, SMALL);
  const complete = async (...words: string[]): Promise<string[]> => {
    const { code, stdout } = await runHere(['complete', '--', ...words], { ROTERA_URL: url });
    t.equal(code, 0);
    return stdout.toString().split('\n').slice(0, -1);
  };
  t.strictSame(await complete(''), [...COMMANDS.map(nameOf), 'help', '--version']);
  t.strictSame(await complete('pu'), ['push']);
  t.strictSame(await complete('push', ''), ['jobs', 'log']);
  t.strictSame(await complete('push', '--json', 'j'), ['jobs']);
  t.strictSame(await complete('push', 'jobs', ''), [], 'files: the shell knows those');
  t.strictSame(await complete('read', '--limit', ''), [], 'a number');
  t.strictSame(await complete('read', '--limit', '5', 'l'), ['log']);
  t.strictSame(await complete('read', 'log', '--fo'), ['--format']);
  t.strictSame(await complete('read', 'log', '--format', ''), ['raw', 'ids', 'json']);
  t.strictSame(await complete('completion', ''), [...SHELLS]);
  t.strictSame(await complete('check', ''), []);
  t.strictSame(await complete('nonsense', ''), []);
});

t.test('without a server there are no names, and no noise', async (t) => {
  t.match(await runHere(['complete', '--', 'push', ''], { ROTERA_URL: 'http://127.0.0.1:1' }), { code: 0, stderr: '' });
});

t.test('a script for each shell', async (t) => {
  for (const shell of SHELLS) t.equal((await runHere(['completion', shell])).stdout.toString(), SCRIPTS[shell]);
  t.equal((await runHere(['completion', 'tcsh'])).code, 2);
});

for (const shell of ['bash', 'zsh'] as const) {
  const missing = spawnSync(shell, ['-c', ':']).status === 0 ? false : `there is no ${shell}`;
  t.test(`${shell} takes the script`, { skip: missing }, async (t) => {
    const { code } = await run(['completion', shell]);
    t.equal(code, 0);
    t.match(spawnSync(shell, ['-n', '-c', SCRIPTS[shell]]), { status: 0 });
  });
}

const withoutBash = spawnSync('bash', ['-c', ':']).status === 0 ? false : 'there is no bash';
t.test('bash completes a queue', { skip: withoutBash }, async (t) => {
  const dir = t.testdir({ rots: {}, bin: {} });
  const { url } = await serve(t, [], { cwd: dir });
  await run(['create', 'jobs', '--max-bytes', '1M', '--no-reserve', '--url', url]);
  const program = join(dir, 'bin', 'rotera');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${ROTERA}' "$@"\n`);
  chmodSync(program, 0o755);
  const script = `${SCRIPTS.bash}\nCOMP_WORDS=(rotera tail jo); COMP_CWORD=2; _rotera; echo "\${COMPREPLY[@]}"`;
  const env = { PATH: `${join(dir, 'bin')}:/usr/bin:/bin`, ROTERA_URL: url };
  t.equal(spawnSync('bash', ['--norc', '-c', script], { env }).stdout.toString(), 'jobs\n');
});
