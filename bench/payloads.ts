/**
 * What is pushed.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** Messages of one kind; load generators cycle through them. */
export interface Payload {
  readonly name: string;
  readonly messages: readonly Buffer[];
  /** Mean length of a message. */
  readonly bytes: number;
}

/** Messages per batch, everywhere. */
export const BATCH = 1000;
/** Logs that are real and on most machines; the first that is there with enough lines is used. */
const LOGS = ['/var/log/dpkg.log', '/var/log/syslog', '/var/log/messages', '/var/log/alternatives.log'];

const payload = (name: string, messages: readonly Buffer[]): Payload => ({
  name,
  messages,
  bytes: messages.reduce((sum, { length }) => sum + length, 0) / messages.length,
});

/** Printable text that is the same each time. */
export const fixed = (bytes: number): Payload => {
  const text = 'The quick brown fox jumps over the lazy dog, 0123456789 times. ';
  const message = Buffer.from(text.repeat(Math.ceil(bytes / text.length)).slice(0, bytes));
  return payload(bytes < 1024 ? `${bytes} B` : `${bytes / 1024} KiB`, Array<Buffer>(BATCH).fill(message));
};

/** Lines of a real log of this machine, if there is one. */
export function logLines(): Payload | undefined {
  for (const path of LOGS) {
    let lines: string[];
    try {
      lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
    } catch {
      // Not on this machine: the next.
      continue;
    }
    if (lines.length >= BATCH)
      return payload(
        `lines of ${basename(path)}`,
        lines.slice(0, BATCH).map((line) => Buffer.from(line)),
      );
  }
  return undefined;
}
