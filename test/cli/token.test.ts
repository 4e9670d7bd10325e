import { chmodSync, chownSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { connect } from '../../src/client/node.js';
import { Access } from '../../src/server/access.js';
import { buildApp } from '../../src/server/app.js';
import { parseTokens } from '../../src/tokens.js';
import { runHere } from '../support/cli.js';
import { openQueues, SMALL } from '../support/queues.js';

t.test('a token is shown once, and the server knows it by the file', async (t) => {
  const dir = t.testdir({ rots: {} });
  const tokens = join(dir, 'tokens');
  const make = async (...words: string[]): Promise<string> => {
    const { code, stdout } = await runHere(['token', ...words, '--tokens', tokens]);
    t.equal(code, 0, words.join(' '));
    return stdout.toString().trim();
  };
  const admin = await make('admin');
  const edge = await make('edge', '--verbs', 'push', '--queues', 'edge-*');
  t.equal(statSync(tokens).mode & 0o777, 0o600);
  t.notMatch(readFileSync(tokens, 'utf8'), admin, 'only its hash is kept');

  const app = await buildApp({
    queues: await openQueues(t, join(dir, 'rots')),
    access: new Access(parseTokens(readFileSync(tokens, 'utf8'))),
  });
  t.teardown(() => app.close());
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  await connect({ url, token: admin }).create('edge-1', SMALL);
  const as = (token: string, ...words: string[]): ReturnType<typeof runHere> =>
    runHere([...words, '--url', url], { ROTERA_TOKEN: token }, 'a\n');
  t.match(await as(edge, 'push', 'edge-1'), { code: 0 });
  t.match(await as(edge, 'read', 'edge-1'), { code: 77 });
  t.match((await as(edge, 'stat')).stdout.toString(), /may see/);
  t.match(await as('guessed', 'stat', 'edge-1'), { code: 77 });
  t.match(await as(admin, 'read', 'edge-1', '--token', edge), { code: 77 }, 'the option beats the environment');
});

t.test('names are used once, unless they are replaced', async (t) => {
  const tokens = join(t.testdir({ tokens: '# kept\n' }), 'tokens');
  const make = (...words: string[]): ReturnType<typeof runHere> => runHere(['token', ...words, '--tokens', tokens]);
  const first = (await make('a')).stdout.toString();
  t.equal((await make('b')).code, 0);
  t.equal((await make('a')).code, 73);
  const second = (await make('a', '--replace')).stdout.toString();
  t.not(first, second);
  const text = readFileSync(tokens, 'utf8');
  t.match(text, /^# kept\n/);
  t.strictSame(
    parseTokens(text).map(({ name }) => name),
    ['b', 'a'],
  );
});

t.test('the file keeps its mode and its owner, so that the server can read it as before', async (t) => {
  const dir = t.testdir({ tokens: '# kept\n', 'tokens.new': 'left by one that was killed' });
  const tokens = join(dir, 'tokens');
  // Only root can give files away.
  const isRoot = process.getuid?.() === 0;
  const { uid, gid } = statSync(tokens);
  const owner = isRoot ? { uid: 12_345, gid: 12_346 } : { uid, gid };
  chownSync(tokens, owner.uid, owner.gid);
  chmodSync(tokens, 0o640);
  chmodSync(`${tokens}.new`, 0o666);
  t.equal((await runHere(['token', 'a', '--tokens', tokens])).code, 0);
  t.match(statSync(tokens), { ...owner, mode: 0o100640 });
  t.match(readFileSync(tokens, 'utf8'), /^# kept\nsha256:\S+ a \* \*\n$/);
  t.strictSame(readdirSync(dir), ['tokens']);
});

t.test('what makes no token is told', async (t) => {
  for (const words of [
    ['a b'],
    ['#a'],
    ['a', '--verbs', 'fly'],
    ['a', '--verbs', 'read, push'],
    ['a', '--queues', 'x y'],
    ['a', '--queues', '../x'],
    ['a', '--tokens', '/dev/null/x'],
  ]) {
    const { code, stderr } = await runHere(['token', ...words]);
    t.equal(code, 2, words.join(' '));
    t.notMatch(stderr, /Line 1/, 'there is no file yet');
  }
  t.equal((await runHere(['token', 'a', '--tokens', join(t.testdir(), 'missing', 'x')])).code, 78);
  const { code, stdout } = await runHere(['token', 'a', '--json']);
  t.equal(code, 0);
  const { token, line } = JSON.parse(stdout.toString());
  t.match({ token, line }, { token: /^rot_/, line: /^sha256:[0-9a-f]{64} a \* \*$/ });
});
