/**
 * Temporary names of files that are being made, and what a killed process leaves under them: as large as what it reserved. And
 * the marks (seen-mark.ts) of files that are gone.
 */
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
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
 * Removes what interrupted creates and removed files left in a directory. To be called under its lock, before this process makes a file there: then
 * the one who may still be making a file is a command line, and it fails cleanly should its file be taken for a leftover.
 * @param now ms since the epoch
 */
export function removeLeftovers(directory: string, now: number): void {
  const files = readdirSync(directory);
  for (const file of files) {
    const path = join(directory, file);
    const marked = MARK.exec(file)?.[1];
    if (marked !== undefined && !files.includes(marked)) removeIfPossible(path);
    const pid = LEFTOVER.exec(file)?.[1];
    if (pid === undefined) continue;
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined || (isElsewhere(Number(pid)) && now - stat.mtimeMs < STILL_MS)) continue;
    removeIfPossible(path);
  }
}

/** What stays goes at a later start; nothing that is asked for hangs on it. */
export function removeIfPossible(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A disk that fails: whoever writes to it next is told.
  }
}

/** As {@link removeIfPossible}, without holding anybody up. Never rejects; resolves when it is gone, or the disk does not answer. */
export async function removeSoon(path: string): Promise<void> {
  try {
    await fromDisk(rm(path, { force: true }));
  } catch {
    // As above.
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
