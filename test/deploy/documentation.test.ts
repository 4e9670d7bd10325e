import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readConfig } from '../../src/config/read-config.js';
import { DEFAULT_LIMITS, type Limits } from '../../src/queue/limits.js';
import { fileLimit } from '../../src/queue/room.js';
import { MIB } from '../support/queues.js';

const text = readFileSync(new URL('../../docs/deploy.md', import.meta.url), 'utf8');
const blocks = (language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm'))].map(([, block]) => block as string);

t.test('every configuration in docs/deploy.md is accepted', async (t) => {
  const directory = t.testdir();
  const config = join(directory, 'config.json');
  t.ok(blocks('json').length > 1);
  for (const block of blocks('json')) {
    writeFileSync(config, block);
    t.equal(readConfig({ config }, {}).dir, '/var/lib/rotera', block);
  }
});

t.test('the sizes of files are those that the engine gives', async (t) => {
  const rows: readonly (readonly [row: string, limits: Partial<Limits>])[] = [
    ['| 1 MiB, with `maxMessageBytes` 64 KiB | 4 MiB |', { maxBytes: MIB, maxMessageBytes: 65_536 }],
    ['| 8 MiB | 14 MiB |', { maxBytes: 8 * MIB }],
    ['| 64 MiB (the default) | 88 MiB |', {}],
    ['| 1 GiB | 1,108 MiB |', { maxBytes: 1024 * MIB }],
  ];
  for (const [row, limits] of rows) {
    t.ok(text.includes(row), row);
    const size = Number(/([\d,]+) MiB \|$/.exec(row)?.[1]?.replace(',', ''));
    t.equal(fileLimit({ ...DEFAULT_LIMITS, ...limits }), size * MIB, row);
  }
});

const hasNix = spawnSync('nix-instantiate', ['--version'], { stdio: 'ignore' }).status === 0;
t.test('every Nix text in docs/deploy.md parses', { skip: !hasNix && 'no nix-instantiate' }, async (t) => {
  t.ok(blocks('nix').length > 1);
  for (const block of blocks('nix')) {
    const input = block.startsWith('{') ? block : `{ ${block} }`;
    const parsed = spawnSync('nix-instantiate', ['--parse', '-'], { input, encoding: 'utf8' });
    t.equal(parsed.status, 0, parsed.stderr);
  }
});
