/**
 * Address space, of which a process may have been given so much only (`ulimit -v`, LimitAS). LMDB does not survive an open that
 * finds no room for its map.
 */
import { readFileSync } from 'node:fs';
import { RoteraError } from '../errors.js';

/** What is left to the heap, to buffers and to stacks: nobody can refuse them, and the process ends when they get none. */
const SPARE_BYTES = 256 * 1024 ** 2;
const MIB = 1024 ** 2;
const KIB = 1024;

/** What Linux tells of a process (proc(5)); nothing elsewhere. */
function told(name: string, line: RegExp): number | undefined {
  try {
    const found = line.exec(readFileSync(`/proc/self/${name}`, 'utf8'))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    // Elsewhere, such limits are rare: whoever has one meets LMDB's.
    return undefined;
  }
}

/**
 * Makes sure that so many bytes can be mapped now.
 * @throws `overloaded` when the process may not have them
 */
export function checkAddressSpace(bytes: number): void {
  const allowed = told('limits', /^Max address space +(\d+)/m);
  if (allowed === undefined) return;
  const taken = (told('status', /^VmSize:\s+(\d+)/m) ?? 0) * KIB;
  if (taken + bytes + SPARE_BYTES <= allowed) return;
  throw new RoteraError(
    'overloaded',
    `No address space is left to map a rot file: it takes ${bytes / MIB} MiB, and the process has ${Math.floor(taken / MIB)} of ${Math.floor(allowed / MIB)}. Take the limit off (ulimit -v unlimited, LimitAS=infinity of systemd) and limit memory instead (MemoryMax).`,
  );
}
