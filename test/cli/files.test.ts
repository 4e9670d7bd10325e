import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import t from 'tap';
import { runHere } from '../support/cli.js';
import { run, start } from '../support/program.js';
import { SMALL } from '../support/queues.js';
import { type Server, startServer } from '../support/server.js';

interface Given extends Server {
  readonly dir: string;
  readonly file: string;
  readonly stop: () => Promise<void>;
}

/** A server with the queue 55 of three messages, in a directory of its own. */
async function given(t: Test): Promise<Given> {
  const dir = t.testdir({ rots: {} });
  const server = await startServer(t, { directory: join(dir, 'rots') });
  await server.client.create('55', SMALL);
  await server.client.push('55', ['a', 'b', 'c']);
  const stop = async (): Promise<void> => {
    await server.app.close();
    await server.queues.close();
  };
  return { ...server, dir, file: join(dir, 'rots', '55.rot'), stop };
}

const linesOf = (text: Buffer): unknown[] =>
  text
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

t.test('resize takes an age limit off again', async (t) => {
  const { file, stop } = await given(t);
  await stop();
  const age = async (): Promise<unknown> =>
    JSON.parse((await runHere(['stat', '--json', '-s', file])).stdout.toString()).maxAgeSeconds;
  t.equal((await runHere(['resize', file, '--max-age', '7d'])).code, 0);
  t.equal(await age(), 7 * 86_400);
  t.equal((await runHere(['resize', file, '--max-messages', '10'])).code, 0);
  t.equal(await age(), 7 * 86_400, 'it stays');
  t.equal((await runHere(['resize', file, '--max-age', 'none'])).code, 0);
  t.equal(await age(), null);
});

t.test('check tells a file that is not there, and checks the others', async (t) => {
  const { file } = await given(t);
  const ran = await runHere(['check', '--json', `${file}.missing`, file]);
  t.equal(ran.code, 66);
  t.match(JSON.parse(ran.stderr), { error: 'file_unreadable' });
  t.match(JSON.parse(ran.stdout.toString()), { file, sound: true });
});

t.test('check says of each file whether it is sound', async (t) => {
  const { file, dir, stop } = await given(t);
  t.match(await runHere(['check', file]), { code: 0, stderr: '' }, 'while it is served');
  await stop();
  const bad = join(dir, 'bad.rot');
  writeFileSync(bad, readFileSync(file));
  truncateSync(bad, 5000);
  const ran = await runHere(['check', '--json', file, bad]);
  t.equal(ran.code, 1);
  t.match(linesOf(ran.stdout), [
    { file, sound: true, messages: 3, bytes: 3, problems: [] },
    { file: bad, sound: false, problems: [String] },
  ]);
  t.match(
    (await runHere(['check', file, bad])).stdout.toString(),
    /55\.rot: sound; 3 messages(?:.|\n)*bad\.rot: 1 problem/,
  );
});

t.test('a snapshot is a queue of its own, with the same messages', async (t) => {
  const { file, dir, client, queues, url } = await given(t);
  const copy = join(dir, 'rots', 'copy.rot');
  const ran = await runHere(['snapshot', '--json', file, copy]);
  t.strictSame(linesOf(ran.stdout), [{ file, copy, oldest: 0, next: 3 }]);
  await queues.rescan();
  t.equal((await runHere(['read', 'copy'], { ROTERA_URL: url })).stdout.toString(), 'a\nb\nc\n');
  t.not((await client.stat('copy')).epoch, (await client.stat('55')).epoch);
  t.equal((await runHere(['snapshot', file, copy])).code, 73, 'it replaces nothing');
});

t.test('resize gives other limits, and not under a server', async (t) => {
  const { file, stop } = await given(t);
  t.match(await runHere(['resize', '--json', file, '--max-messages', '2']), { code: 69, stderr: /in_use/ });
  await stop();
  t.strictSame(linesOf((await runHere(['resize', '--json', file, '--max-messages', '2'])).stdout), [
    { file, oldest: 1, next: 3 },
  ]);
  t.match(linesOf((await runHere(['stat', '--json', '-s', file])).stdout), [
    { maxMessages: 2, maxBytes: SMALL.maxBytes },
  ]);
  t.equal((await runHere(['resize', file])).code, 2, 'nothing to change');
  t.equal((await runHere(['resize', file, '--max-messages', '0'])).code, 2);
});

t.test('remove takes the file and what is beside it away, and asks somebody', async (t) => {
  const { file, dir, stop } = await given(t);
  await stop();
  const mark = join(dir, 'rots', '.55.rot.seen');
  t.ok(existsSync(mark));
  t.equal((await runHere(['remove', file])).code, 2, 'nobody to ask');
  t.ok(existsSync(file));
  t.equal((await runHere(['remove', '--yes', file, join(dir, 'missing.rot')])).code, 66, 'all are there, or none goes');
  t.ok(existsSync(file));
  t.equal((await runHere(['remove', '--yes', join(dir, 'rots')])).code, 2, 'no rot file');
  t.strictSame(linesOf((await runHere(['remove', '--yes', '--json', file])).stdout), [{ file, removed: true }]);
  t.notOk(existsSync(file) || existsSync(`${file}-lock`) || existsSync(mark));
});

t.test('plan adds up what queues may take', async (t) => {
  const { dir, client, file } = await given(t);
  writeFileSync(join(dir, 'rots', 'broken.rot'), 'no rot file');
  const { limit } = (await client.stat('55')).file;
  const ran = await run(['plan', '--json', join(dir, 'rots')]);
  t.equal(ran.code, 0);
  t.match(linesOf(ran.stdout), [
    {
      fits: true,
      queues: [
        { queue: '55', limit },
        { queue: 'broken', limit: 11 },
      ],
    },
  ]);
  t.match(JSON.parse(ran.stderr), { error: 'not_a_rot_file' });
  const [{ needed, queues }] = linesOf(ran.stdout) as [{ needed: number; queues: [{ taken: number }] }];
  t.equal(needed, limit - queues[0].taken);
  const more = await run(['plan', '--json', join(dir, 'rots'), '--add', '1G', '--max-bytes', '1T']);
  t.equal(more.code, 1, 'a billion queues of a tebibyte do not fit');
  t.match(linesOf(more.stdout), [{ fits: false }]);
  t.ok(existsSync(file));
  t.equal((await run(['plan', join(dir, 'nowhere')])).code, 78);
});

t.test('a resized file keeps its mode and its owner, so that the server can open it as before', async (t) => {
  const { file, stop } = await given(t);
  await stop();
  const isRoot = process.getuid?.() === 0;
  const { uid, gid } = statSync(file);
  // Only root can give files away.
  const owner = isRoot ? { uid: 12_345, gid: 12_346 } : { uid, gid };
  chownSync(file, owner.uid, owner.gid);
  chmodSync(file, 0o600);
  t.equal((await runHere(['resize', file, '--max-messages', '2'])).code, 0);
  t.match(statSync(file), { ...owner, mode: 0o100600 });
});

t.test('a queue without messages can be copied and resized', async (t) => {
  const dir = t.testdir();
  const [file, copy] = [join(dir, 'q.rot'), join(dir, 'copy.rot')];
  t.equal((await runHere(['create', '-s', file, '--max-messages', '5', '--max-bytes', '1M'])).code, 0);
  t.match(await runHere(['snapshot', '--json', file, copy]), { code: 0, stderr: '' });
  t.match(await runHere(['resize', '--json', file, '--max-messages', '10']), { code: 0, stderr: '' });
  t.match(linesOf((await runHere(['stat', '--json', '-s', file])).stdout), [{ maxMessages: 10, next: 0 }]);
  t.equal((await runHere(['check', file, copy])).code, 0);
});

t.test('room that the disk has not is refused before any of it is taken', async (t) => {
  const dir = t.testdir();
  const file = join(dir, 'q.rot');
  await runHere(['create', '-s', file, '--max-messages', '5', '--max-bytes', '1M']);
  for (const words of [
    ['resize', file],
    ['create', '-s', join(dir, 'large.rot'), '--max-messages', '5'],
  ]) {
    t.match(await runHere([...words, '--max-bytes', '1000T']), { code: 73, stderr: /The disk has no room/ });
  }
  t.strictSame(
    readdirSync(dir).filter((name) => !name.endsWith('-lock')),
    ['q.rot'],
  );
});

t.test('a create that is interrupted leaves nothing behind', async (t) => {
  const cwd = t.testdir();
  const words = ['create', '-s', 'q.rot', '--max-messages', '5', '--max-bytes', '4G'];
  const child = start(words, { cwd });
  const ended = once(child, 'exit');
  while (!readdirSync(cwd).some((name) => name.includes('.tmp-'))) await sleep(10);
  child.kill('SIGINT');
  t.strictSame(await ended, [null, 'SIGINT']);
  t.strictSame(readdirSync(cwd), []);
});
