/**
 * Whether a file that could not be opened is worth another look.
 */
import { lstatSync, statSync } from 'node:fs';
import { systemCode } from '../errors.js';
import { isTaken } from './file-place.js';
import { lockFileOf } from './lock-file.js';

/**
 * What tells one file under a name from another, or from what it was before: its contents, its links, who may use it, who may use
 * its lock file, and whether this process has it open under another name; or why it cannot be looked at. Undefined when there is none.
 */
export function fingerprintOf(path: string): string | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    const lock = lstatSync(lockFileOf(path), { throwIfNoEntry: false });
    return [stat.ino, stat.size, stat.ctimeMs, lock?.mode, lock?.uid, lock?.gid, isTaken(stat)].join('/');
  } catch (error) {
    return systemCode(error);
  }
}
