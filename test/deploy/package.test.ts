import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { serve } from '../support/program.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
  bin: Record<string, string>;
};
/** `prepack` builds anew, under the feet of other tests. */
const PACK = ['pack', '--json', '--ignore-scripts', '--loglevel=error'];

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

function pack(...words: string[]): Packed {
  const output = execFileSync('npm', [...PACK, ...words], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  return (JSON.parse(output.toString()) as [Packed])[0];
}

/** What a folder of sources becomes in `dist`. */
const built = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.c?ts$/.test(file))
    .map((file) => `dist/${folder}/${file.replace(/ts$/, 'js')}`);

t.test('the package holds what is needed to run, and nothing else', async (t) => {
  const files = pack('--dry-run').files.map(({ path }) => path);
  const texts = ['LICENSE', 'README.md', 'CHANGELOG.md', 'package.json'];
  const unneeded = files.filter((file) => !/^(dist\/(src|cli)|systemd|docs)\//.test(file) && !texts.includes(file));
  t.strictSame(unneeded, []);
  t.strictSame(
    files.filter((file) => /(\.(tsbuildinfo|rot|map)|\.test\.js)$/.test(file)),
    [],
  );
  // Programs take the client only, and have no use for the types of the rest.
  t.strictSame(
    files.filter((file) => /\.d\.c?ts$/.test(file) && !/^dist\/src\/((client|protocol)\/)?[^/]+$/.test(file)),
    [],
  );
  const units = readdirSync(join(root, 'systemd'), { recursive: true, encoding: 'utf8', withFileTypes: true });
  const needed = [
    ...built('src'),
    ...built('cli'),
    ...units.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(root.length)),
    ...Object.values(manifest.bin),
    'LICENSE',
    'package.json',
    // For whoever is on call, on the machine itself.
    'docs/operations.md',
    'docs/monitoring/alerts.yml',
  ];
  t.strictSame(
    needed.filter((file) => !files.includes(file)),
    [],
  );
});

/** The package as it is packed, with the libraries it depends on. */
function unpack(t: Test): string {
  const directory = t.testdir();
  const { filename } = pack('--pack-destination', directory);
  execFileSync('tar', ['-xzf', filename], { cwd: directory });
  const unpacked = join(directory, 'package');
  symlinkSync(join(root, 'node_modules'), join(unpacked, 'node_modules'));
  return unpacked;
}

t.test('what is packed runs by itself', async (t) => {
  const unpacked = unpack(t);
  const bin = (name: string): string => join(unpacked, manifest.bin[name] as string);
  for (const name of Object.keys(manifest.bin)) {
    const run = (word: string): string =>
      execFileSync(process.execPath, [bin(name), word], { cwd: unpacked }).toString();
    t.match(run('--help'), /rotera/, name);
    t.equal(run('--version'), `${manifest.version}\n`, name);
  }
  const schema = execFileSync(process.execPath, [bin('rotera-server'), '--print-config-schema']);
  t.equal(schema.toString(), readFileSync(join(unpacked, 'systemd/config.schema.json'), 'utf8'));
  const { url } = await serve(t, [], { program: bin('rotera-server'), cwd: unpacked, env: { ROTERA_DIR: '.' } });
  const page = await fetch(url);
  t.equal(page.status, 200);
  const parts = [...(await page.text()).matchAll(/(?:src|href)="(page\/[^"]*)"/g)].map(([, path]) => path as string);
  t.ok(parts.length > 3, 'the page has scripts and styles');
  for (const part of parts) t.equal((await fetch(`${url}/${part}`)).status, 200, part);
});

t.test('what is packed has the types of the client', async (t) => {
  const unpacked = unpack(t);
  const program =
    "import { connect } from 'rotera/client';\nexport const next: number | null = (await connect().push('q', 'a')).next;\n";
  writeFileSync(join(unpacked, 'user.mts'), program);
  const words = ['--noEmit', '--strict', '--module', 'NodeNext', '--target', 'ES2022', '--types', 'node', 'user.mts'];
  const checked = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...words], {
    cwd: unpacked,
  });
  t.equal(checked.stdout.toString(), '');
  t.equal(checked.status, 0);
});
