/**
 * Whose a file is that takes another one's place.
 */
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, openSync, type Stats } from 'node:fs';
import { RoteraError } from '../errors.js';

const PERMISSIONS = 0o777;
const { O_NOFOLLOW, O_RDONLY } = constants;

/**
 * Gives a file owner, group and permissions of the one that it is to replace: whoever replaces it, root above all, a server that could
 * use the old one can use the new one.
 * @throws `bad_parameter` when that one is another user's or group's, and this process may not give it away, or when the file is not
 * a new one; what the system throws
 */
export function giveToOwner(path: string, replaced: Stats, replacedPath: string): void {
  // Not by name: whoever owns the directory could put another user's file there, and have root give it to him.
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW);
  try {
    const now = fstatSync(fd);
    if (!now.isFile() || now.nlink !== 1)
      throw new RoteraError('bad_parameter', `${path} is not the file that was written just now.`, { value: path });
    if (now.uid !== replaced.uid || now.gid !== replaced.gid) give(fd, replaced, replacedPath);
    fchmodSync(fd, replaced.mode & PERMISSIONS);
  } finally {
    closeSync(fd);
  }
}

function give(fd: number, { uid, gid }: Stats, replacedPath: string): void {
  try {
    fchownSync(fd, uid, gid);
  } catch (cause) {
    const text = `${replacedPath} is another user's or group's, and would not be any more. Run this as its owner, or as root.`;
    throw new RoteraError('bad_parameter', text, { value: replacedPath }, { cause });
  }
}
