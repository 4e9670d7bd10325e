/**
 * Names of queues, and of the files that hold them.
 */
import { basename } from 'node:path';
import { RoteraError } from '../errors.js';

export const ROT_SUFFIX = '.rot';
/** Names are queue names, file names and parts of URLs. 128 characters leave room for LMDB's `.rot-lock`. */
export const QUEUE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** @throws `bad_name` */
export function checkName(name: string): void {
  if (QUEUE_NAME.test(name)) return;
  throw new RoteraError(
    'bad_name',
    `${JSON.stringify(name)} is no queue name: letters, digits, ".", "_" and "-", beginning with a letter or digit, at most 128 characters.`,
    { value: name, accepted: QUEUE_NAME.source },
  );
}

/** The queue that a file name stands for, or undefined when it is no rot file's. */
export function queueName(path: string): string | undefined {
  const file = basename(path);
  const name = file.slice(0, -ROT_SUFFIX.length);
  return file.endsWith(ROT_SUFFIX) && QUEUE_NAME.test(name) ? name : undefined;
}
