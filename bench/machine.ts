/**
 * What was measured on.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { versionOf } from './child.js';

/** Facts about the machine and the programs, by name. */
export function describeMachine(directory: string): Record<string, string> {
  const mount = spawnSync('df', ['--output=fstype', directory], { encoding: 'utf8' }).stdout?.trim().split('\n')[1];
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const facts: Record<string, string | undefined> = {
    processors: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
    memory: `${Math.round(totalmem() / 1024 ** 3)} GiB`,
    system: `Linux ${release()}`,
    filesystem: mount,
    'load before': loadavg()[0]?.toFixed(2),
    rotera: version,
    Node: process.version,
    Valkey: versionOf('valkey-server'),
    Redis: versionOf('redis-server'),
    NATS: versionOf('nats-server'),
  };
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, value ?? 'not installed']));
}
