/**
 * The mark beside a rot file whose last write failed. A failed commit ends the process, since LMDB cannot be trusted after it;
 * the mark keeps the next start from running into the same fault: the file is first tried in a child process, and served
 * read-only when that fails.
 */
import { fork } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { messageOf, RoteraError, systemCode } from '../errors.js';

/** A disk that does not answer a trial within so long is taken for broken. */
const TRIAL_MS = 20_000;

export const failedMarkOf = (path: string): string => join(dirname(path), `.${basename(path)}.failed`);

/** Whether the last write to a file failed, and none succeeded since. */
export const isMarked = (path: string): boolean => existsSync(failedMarkOf(path));

/**
 * Leaves the mark; it is there on return, unless the disk does not answer. Never throws: on a broken disk there may be no room for
 * it. Then the next start finds no mark, and the next push fails as this one did.
 */
export function markFailed(path: string, error: RoteraError): void {
  const mark = failedMarkOf(path);
  const text = JSON.stringify({ reason: error.message });
  // To wait for such a disk would hold up everybody, those who are to be told of it first.
  if (error.code === 'commit_timeout') return void writeFile(mark, text).catch(() => undefined);
  try {
    writeFileSync(mark, text);
  } catch {}
}

/** Undefined when the file may be written: there is no mark, or a trial write succeeded and it was taken away. */
export async function tryAgain(path: string): Promise<RoteraError | undefined> {
  const mark = failedMarkOf(path);
  if (!isMarked(path)) return undefined;
  const failure = await trial(path);
  if (failure === undefined) {
    rmSync(mark, { force: true });
    return undefined;
  }
  const advice = 'It is read, and takes no writes: mend the disk, then start the server again, which tries it.';
  return new RoteraError(
    'queue_read_only',
    `A write to the rot file failed (${reasonIn(mark)}), and so did a trial (${failure}). ${advice}`,
  );
}

function reasonIn(mark: string): string {
  try {
    return String((JSON.parse(readFileSync(mark, 'utf8')) as { reason: unknown }).reason);
  } catch (error) {
    return systemCode(error);
  }
}

/** Writes to the file in a process of its own. Resolves to what went wrong, if anything. */
function trial(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = fork(new URL('./trial.js', import.meta.url), [path], {
      stdio: 'ignore',
      timeout: TRIAL_MS,
      killSignal: 'SIGKILL',
    });
    child.once('error', (error) => resolve(messageOf(error)));
    child.once('exit', (code, signal) => resolve(code === 0 ? undefined : `exit ${code ?? signal}`));
  });
}
