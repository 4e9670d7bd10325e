import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { forbiddenEdges } from './support/imports.js';

const root = new URL('../', import.meta.url);

function sources(folder: string): string[] {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}${file}`);
}

t.test('no source imports what it must not know', async (t) => {
  const files = [...sources('src/'), ...sources('cli/')];
  t.ok(files.includes('src/main.ts') && files.includes('cli/main.ts'), 'the sources are found');
  for (const file of files) t.strictSame(forbiddenEdges(file, readFileSync(new URL(file, root), 'utf8')), [], file);
});

t.test('the check finds each forbidden edge', async (t) => {
  const bad: ReadonlyArray<readonly [file: string, text: string]> = [
    ['src/protocol/made-up.ts', "import { Queue } from '../queue/queue.js';"],
    ['src/protocol/made-up.ts', "import { buildApp } from '../server/app.js';"],
    ['src/protocol/made-up.ts', "import { readFileSync } from 'node:fs';"],
    ['src/queue/made-up.ts', "import { problems } from '../protocol/problem.js';"],
    ['src/queue/made-up.ts', "export { buildApp } from '../server/app.js';"],
    ['src/queue/made-up.ts', "import type { RoteraClient } from '../client/client.js';"],
    ['src/queue/block.ts', "import { open } from 'lmdb';"],
    ['src/client/made-up.ts', "const { Queues } = await import('../queue/queues.js');"],
    ['src/client/made-up.ts', "import { serve } from '../main.js';"],
    ['src/server/made-up.ts', "import { RoteraClient } from '../client/client.js';"],
    ['src/server/made-up.ts', "type Cli = import('clipanion').Cli;"],
    ['src/errors.ts', "import { parseFrom } from './from.js';"],
    ['src/main.ts', "import { runCli } from '../cli/cli.js';"],
    ['cli/made-up.ts', "import { buildApp } from '../src/server/app.js';"],
    ['cli/made-up.ts', "import leftPad from 'left-pad';"],
    ['src/config.ts', "const home = process.env['HOME'];"],
    ['cli/commands/made-up.ts', 'process.exit(1);'],
    ['src/server/made-up.ts', "process['on']('SIGTERM', stop);"],
  ];
  for (const [file, text] of bad) t.equal(forbiddenEdges(file, text).length, 1, `${file}: ${text}`);
});
