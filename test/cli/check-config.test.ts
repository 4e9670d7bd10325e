import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runHere } from '../support/cli.js';
import { run, serve } from '../support/program.js';

const CHECK = ['serve', '--check-config', '--json'];
const LIMITS = { maxBytes: 100_000, maxMessages: 5, reserve: false };

t.test('a configuration that a server would take is good, and nothing is made', async (t) => {
  const cwd = t.testdir({ rots: {}, tokens: '# none yet\n' });
  const file = join(cwd, 'config.json');
  const good = [
    {},
    { queues: { jobs: LIMITS } },
    { host: '0.0.0.0', allowAnonymous: true },
    { host: '0.0.0.0', tokensFile: join(cwd, 'tokens') },
    { dir: join(cwd, 'made by somebody later') },
  ];
  for (const config of good) {
    writeFileSync(file, JSON.stringify({ dir: join(cwd, 'rots'), ...config }));
    t.match(await runHere([...CHECK, '--config', file]), { code: 0, stderr: '' }, JSON.stringify(config));
  }
  t.strictSame(readdirSync(join(cwd, 'rots')), []);
});

t.test('what a server would refuse is refused by a check as well, with the same words', async (t) => {
  const dir = t.testdir({ text: 'no certificate', tokens: 'no token' });
  const file = join(dir, 'config.json');
  const [text, tokens, missing] = ['text', 'tokens', 'missing'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const refused: ReadonlyArray<readonly [config: object, details: object]> = [
    [{ prot: 1 }, { option: 'prot' }],
    [{ host: '0.0.0.0' }, { option: 'host', value: '0.0.0.0' }],
    [{ tokensFile: missing }, { option: 'tokens' }],
    [{ tokensFile: tokens }, { line: 1 }],
    [{ tlsCert: missing, tlsKey: text }, { option: 'tls-cert' }],
    [{ tlsCert: text, tlsKey: missing }, { option: 'tls-key' }],
    [
      { tlsCert: text, tlsKey: text },
      { option: 'tls-cert', value: text },
    ],
  ];
  for (const [config, details] of refused) {
    writeFileSync(file, JSON.stringify({ dir, port: 0, ...config }));
    const checked = await runHere([...CHECK, '--config', file]);
    t.equal(checked.code, 78, checked.stderr);
    t.match(JSON.parse(checked.stderr), { error: 'bad_config', ...details });
    t.strictSame(await runHere(['serve', '--json', '--config', file]), checked);
  }
});

t.test(
  'a limit that differs from the file’s is an error that names both, also while a server has the file',
  async (t) => {
    const cwd = t.testdir({ rots: { 'broken.rot': 'no rot file', 'broken.rot-lock': '' } });
    const file = join(cwd, 'config.json');
    const declare = (jobs: object): void =>
      writeFileSync(file, JSON.stringify({ dir: join(cwd, 'rots'), queues: { jobs, broken: { maxBytes: 1 } } }));
    const check = () => run([...CHECK, '--config', file]);
    declare(LIMITS);
    const { stop } = await serve(t, ['--config', file]);
    t.equal((await check()).code, 0);
    declare({ ...LIMITS, maxMessages: 6 });
    const details = { queue: 'jobs', field: 'maxMessages', value: 6, existing: 5 };
    const beside = await check();
    t.equal(beside.code, 78);
    t.match(JSON.parse(beside.stderr), { error: 'bad_config', ...details });
    t.equal(await stop(), 0);
    t.strictSame(await check(), beside, 'and when it has stopped');
    t.strictSame(await run(['serve', '--json', '--port', '0', '--config', file]), beside, 'as at start');
  },
);
