/**
 * Whose a file is that takes another one's place.
 */
import { chmodSync, chownSync, type Stats, statSync } from 'node:fs';
import { RoteraError } from '../errors.js';

const PERMISSIONS = 0o7777;

/**
 * Gives a file owner, group and mode of the one that it is to replace: whoever replaces it, root above all, a server that could use
 * the old one can use the new one.
 * @throws `bad_parameter` when that one is another user's or group's, and this process may not give it away; what `chmod` throws
 */
export function giveToOwner(path: string, replaced: Stats, replacedPath: string): void {
  const now = statSync(path);
  if (now.uid !== replaced.uid || now.gid !== replaced.gid) {
    try {
      chownSync(path, replaced.uid, replaced.gid);
    } catch (cause) {
      const text = `${replacedPath} is another user's or group's, and would not be any more. Run this as its owner, or as root.`;
      throw new RoteraError('bad_parameter', text, { value: replacedPath }, { cause });
    }
  }
  chmodSync(path, replaced.mode & PERMISSIONS);
}
