/**
 * Temporary names of files that are being made, and what a killed process leaves under them: as large as what it reserved. And
 * the marks (seen-mark.ts) of files that are gone.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fromDisk } from './disk.js';

/** Names its process, so that a leftover is known for one as soon as that has ended. */
const LEFTOVER = /^\..*\.rot\..*tmp-(\d+)-[0-9a-f]{12}(?:-lock)?$/;
/** The mark of a file, with its name. */
const MARK = /^\.(.+\.rot)\.seen$/;
/** What is being filled is written to all the time: an older file belongs to a process whose number another one got since. */
const STILL_MS = 60_000;

/** A new name beside `path`, no queue's. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.tmp-${process.pid}-${randomBytes(6).toString('hex')}`);
}

/**
 * Removes what interrupted creates and removed files left in a directory. To be called under its lock, before this process makes a
 * file there: then the one who may still be making a file is a command line, and it fails cleanly should its file be taken for a
 * leftover. Resolves when all of it is gone, or the disk does not answer.
 * @param now ms since the epoch @throws at once, what the system throws when the directory cannot be read
 */
export function removeLeftovers(directory: string, now: number): Promise<unknown> {
  const files = readdirSync(directory);
  const isLeft = (file: string): boolean => {
    const marked = MARK.exec(file)?.[1];
    if (marked !== undefined && !files.includes(marked)) return true;
    const pid = LEFTOVER.exec(file)?.[1];
    if (pid === undefined) return false;
    const stat = statSync(join(directory, file), { throwIfNoEntry: false });
    return stat !== undefined && !(isElsewhere(Number(pid)) && now - stat.mtimeMs < STILL_MS);
  };
  return Promise.all(files.filter(isLeft).map((file) => removeSoon(join(directory, file))));
}

/**
 * Removes a file, without holding anybody up. What stays goes at a later start; nothing that is asked for hangs on it. Never rejects;
 * resolves when it is gone, or the disk does not answer.
 */
export async function removeSoon(path: string): Promise<void> {
  try {
    await fromDisk(rm(path, { force: true }));
  } catch {
    // A disk that fails: whoever writes to it next is told.
  }
}

/** Whether another process with this number lives. */
function isElsewhere(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
