import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const canRun = (...command: [string, ...string[]]): boolean =>
  spawnSync(command[0], command.slice(1), { stdio: 'ignore' }).status === 0;
const hasSystemd = canRun('systemd-analyze', '--version');
const hasNix = canRun('nix-instantiate', '--version');
/** A checkout of nixpkgs, or of its lib. */
const nixpkgsLib = process.env['NIXPKGS_LIB'];

t.test('systemd understands the units', { skip: !hasSystemd && 'no systemd-analyze' }, async (t) => {
  const directory = t.testdir({
    // The programs need not be installed here.
    'rotera.service': read('systemd/rotera.service').replace(/^(Exec(?:Start|Reload))=\S+/gm, '$1=/bin/true'),
    'rotera.socket': read('systemd/rotera.socket'),
  });
  const units = ['rotera.service', 'rotera.socket'].map((name) => join(directory, name));
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', ...units], { encoding: 'utf8' });
  // Of those that are understood from systemd 253 on, an older one says that it ignores them.
  const said = verified.stderr.split('\n').filter((line) => line.startsWith(directory) && !line.includes("'OpenFile'"));
  t.strictSame(said, []);
});

t.test('the plain unit is hardened', { skip: !hasSystemd && 'no systemd-analyze' }, async (t) => {
  const unit = join(root, 'systemd/rotera.service');
  const analyzed = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', unit], {
    encoding: 'utf8',
  });
  const score = /Overall exposure level for rotera\.service: ([0-9.]+)/.exec(analyzed.stdout)?.[1];
  t.ok(Number(score) <= 1.5, `exposure ${score}`);
});

t.test('the examples change only what the unit says', async (t) => {
  const keys = (text: string): string[] => [...text.matchAll(/^([A-Z]\w*)=/gm)].map(([, key]) => key as string);
  const unit = [...keys(read('systemd/rotera.service')), 'LoadCredential', 'PrivateNetwork', 'Requires'];
  for (const file of readdirSync(join(root, 'systemd/rotera.service.d'))) {
    const example = read(join('systemd/rotera.service.d', file));
    t.strictSame(
      keys(example).filter((key) => !unit.includes(key)),
      [],
      file,
    );
  }
});

t.test('every Nix file parses', { skip: !hasNix && 'no nix-instantiate' }, async (t) => {
  const files = ['flake.nix', ...readdirSync(join(root, 'nix')).map((file) => join('nix', file))];
  const nix = files.filter((file) => file.endsWith('.nix'));
  t.ok(nix.length > 3);
  execFileSync('nix-instantiate', ['--parse', ...nix], { cwd: root, stdio: ['ignore', 'ignore', 'pipe'] });
});

const noLib = (!hasNix || nixpkgsLib === undefined) && 'needs nix-instantiate and NIXPKGS_LIB, a checkout of nixpkgs';
t.test('the NixOS module takes good configurations and refuses bad ones', { skip: noLib }, async (t) => {
  const checked = spawnSync(join(root, 'nix/check-module.sh'), [nixpkgsLib as string], { encoding: 'utf8' });
  t.strictSame(
    checked.stdout.split('\n').filter((line) => line.startsWith('FAIL')),
    [],
  );
  t.equal(checked.status, 0, checked.stderr);
});
