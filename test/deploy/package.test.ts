import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../../', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: Record<string, string> };
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
  const unneeded = files.filter((file) => !/^(dist\/(src|cli)|systemd)\//.test(file) && !texts.includes(file));
  t.strictSame(unneeded, []);
  t.strictSame(
    files.filter((file) => /(\.(tsbuildinfo|rot|map)|\.test\.js)$/.test(file)),
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
  ];
  t.strictSame(
    needed.filter((file) => !files.includes(file)),
    [],
  );
});

t.test('what is packed runs by itself', async (t) => {
  const directory = t.testdir();
  const { filename } = pack('--pack-destination', directory);
  execFileSync('tar', ['-xzf', filename], { cwd: directory });
  const unpacked = join(directory, 'package');
  symlinkSync(join(root, 'node_modules'), join(unpacked, 'node_modules'));
  for (const program of Object.values(manifest.bin)) {
    const help = execFileSync(process.execPath, [join(unpacked, program), '--help'], { cwd: directory });
    t.match(help.toString(), /rotera/, program);
  }
  const schema = execFileSync(process.execPath, [
    join(unpacked, manifest.bin['rotera-server'] as string),
    '--print-config-schema',
  ]);
  t.equal(schema.toString(), readFileSync(join(unpacked, 'systemd/config.schema.json'), 'utf8'));
});
