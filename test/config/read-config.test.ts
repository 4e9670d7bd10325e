import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Config, configSchema, DEFAULTS, OPTIONS, optionNames, variableOf } from '../../src/config/config.js';
import { type Environment, type Flags, readConfig } from '../../src/config/read-config.js';

/** What the defaults and `given` make. */
const config = (given: Partial<Config>): Config => ({ ...DEFAULTS, dir: 'rots', ...given });

/** Reads a configuration file that holds this. */
function readFile(t: Test, content: unknown, flags: Flags = {}, env: Environment = {}): Config {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const directory = t.testdir({ 'config.json': text });
  return readConfig({ config: join(directory, 'config.json'), ...flags }, env);
}

/** Where every option comes from as text, and what it becomes. */
const EXAMPLES: { readonly [K in Exclude<keyof Config, 'queues'>]: readonly [text: string, value: Config[K]] } = {
  host: ['::1', '::1'],
  port: ['0', 0],
  socket: ['/run/rotera.sock', '/run/rotera.sock'],
  dir: ['/srv/rots', '/srv/rots'],
  logLevel: ['debug', 'debug'],
  tokensFile: ['/etc/tokens', '/etc/tokens'],
  tlsCert: ['/etc/cert.pem', '/etc/cert.pem'],
  tlsKey: ['/etc/key.pem', '/etc/key.pem'],
  allowAnonymous: ['true', true],
  allowedHosts: ['a.example,b.example', ['a.example', 'b.example']],
  corsOrigins: ['https://example.org', ['https://example.org']],
  maxPushBytes: ['2048', 2048],
  maxConnections: ['50', 50],
  maxTails: ['40', 40],
  maxTailsPerToken: ['30', 30],
};

t.test('nothing said, the defaults hold, frozen', async (t) => {
  const read = readConfig({}, {});
  t.strictSame(read, config({}));
  t.ok(Object.isFrozen(read) && Object.isFrozen(DEFAULTS));
});

t.test('every option can be a flag, a variable and a key of the file', async (t) => {
  t.strictSame(Object.keys(EXAMPLES).sort(), optionNames.filter((key) => OPTIONS[key].flag !== undefined).sort());
  const all = config(Object.fromEntries(Object.entries(EXAMPLES).map(([key, [, value]]) => [key, value])));
  const texts = Object.entries(EXAMPLES).map(([key, [text]]) => [key, text] as const);
  t.strictSame(readConfig(Object.fromEntries(texts), {}), all, 'flags');
  const variables = Object.fromEntries(texts.map(([key, text]) => [variableOf(key), text]));
  t.strictSame(readConfig({}, variables), all, 'variables');
  t.strictSame(readFile(t, all), all, 'file');
});

t.test('a flag beats a variable, which beats the file, which beats the default', async (t) => {
  const file = { port: 1, host: 'file', logLevel: 'info' };
  t.strictSame(
    readFile(t, file, { port: '3' }, { ROTERA_PORT: '2', ROTERA_HOST: 'variable' }),
    config({ port: 3, host: 'variable', logLevel: 'info' }),
  );
});

t.test('the file can be named in the environment, and a variable that is empty is none', async (t) => {
  const directory = t.testdir({ 'config.json': '{"port":1}' });
  t.equal(readConfig({}, { ROTERA_CONFIG: join(directory, 'config.json'), ROTERA_PORT: '' }).port, 1);
  t.equal(readConfig({}, { ROTERA_CONFIG: '' }).port, DEFAULTS.port);
});

t.test('credentials of systemd stand for files that nobody named', async (t) => {
  const directory = t.testdir({ tokens: '', 'tls-certificate': '', 'tls-key': '', other: '' });
  const env = { CREDENTIALS_DIRECTORY: directory };
  const [tokensFile, tlsCert, tlsKey] = ['tokens', 'tls-certificate', 'tls-key'].map((name) => join(directory, name));
  t.strictSame(readConfig({}, env), config({ tokensFile, tlsCert, tlsKey } as Partial<Config>));
  t.equal(readConfig({ tokensFile: 'mine' }, env).tokensFile, 'mine');
  t.strictSame(readConfig({}, { CREDENTIALS_DIRECTORY: t.testdir({}) }), config({}), 'none were given');
});

t.test('declared queues, with the limits that matter', async (t) => {
  const queues = { 13: {}, jobs: { maxMessages: 10, maxBytes: 1, maxAgeSeconds: null, reserve: false } };
  t.strictSame(readFile(t, { $schema: 'config.schema.json', queues }).queues, queues);
});

t.test('what is not accepted is refused with the option, wherever it comes from', async (t) => {
  const flags: readonly [Flags, string][] = [
    [{ port: '65536' }, '--port'],
    [{ port: '-1' }, '--port'],
    [{ port: '1.5' }, '--port'],
    [{ port: '' }, '--port'],
    [{ host: '' }, '--host'],
    [{ logLevel: 'loud' }, '--log-level'],
    [{ allowedHosts: ['a.example,b.example'] }, '--allowed-host'],
    [{ allowedHosts: ['http://a.example'] }, '--allowed-host'],
    [{ allowedHosts: ['a.example:80'] }, '--allowed-host'],
    [{ corsOrigins: ['a.example'] }, '--cors-origin'],
    [{ corsOrigins: ['https://a.example/'] }, '--cors-origin'],
    [{ corsOrigins: ['https://A.example'] }, '--cors-origin'],
    [{ dir: 'a\0b' }, '--dir'],
    [{ maxTails: '0' }, '--max-tails'],
    [{ maxPushBytes: '1000' }, '--max-push-bytes'],
  ];
  for (const [given, option] of flags) {
    t.throws(() => readConfig(given, {}), { code: 'bad_config', details: { option } }, JSON.stringify(given));
  }
  t.throws(() => readConfig({}, { ROTERA_PORT: 'x' }), { code: 'bad_config', details: { option: 'ROTERA_PORT' } });
  t.throws(() => readConfig({ port: '1' }, { ROTERA_PORT: 'x' }), { code: 'bad_config' }, 'also when it is overruled');
  t.throws(() => readConfig({ tlsCert: 'cert.pem' }, {}), { code: 'bad_config' }, 'a certificate without a key');
});

t.test('a file that is not accepted', async (t) => {
  const files: readonly unknown[] = [
    '',
    '{"port":1',
    '[]',
    'null',
    { prot: 1 },
    '{"__proto__":{"port":1}}',
    { port: '8245' },
    { port: 1.5 },
    { port: 65_536 },
    { port: null },
    { host: 1 },
    { allowAnonymous: 'true' },
    { allowedHosts: 'a.example' },
    { allowedHosts: ['a b'] },
    { queues: [13] },
    { queues: { 'a/b': {} } },
    { queues: { jobs: 10 } },
    { queues: { jobs: { maxMessage: 10 } } },
    { queues: { jobs: { maxMessages: 0 } } },
    { tlsKey: 'key.pem' },
  ];
  for (const content of files) t.throws(() => readFile(t, content), { code: 'bad_config' }, JSON.stringify(content));
  t.throws(() => readConfig({ config: join(t.testdir({}), 'missing.json') }, {}), { code: 'bad_config' });
});

t.test('the schema that is shipped is the one of the options', async (t) => {
  const shipped = readFileSync(new URL('../../systemd/config.schema.json', import.meta.url), 'utf8');
  t.strictSame(JSON.parse(shipped), JSON.parse(JSON.stringify(configSchema())));
});
