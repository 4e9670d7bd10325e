/**
 * Priorities for the journal: a line that begins with `<3>` is an error, with `<6>` information.
 * @see sd-daemon(3)
 */
import { fstatSync } from 'node:fs';
import { Writable } from 'node:stream';

/** Level of a log line (as pino writes them) to priority of the journal, from the most severe on. */
const PRIORITIES = [
  [60, 2],
  [50, 3],
  [40, 4],
  [30, 6],
] as const;
const DEBUG = 7;
const ERROR = 3;

/** What is no log line was written because something failed. */
function priorityOf(line: string): number {
  const level = /^\{"level":(\d+)/.exec(line)?.[1];
  if (level === undefined) return ERROR;
  return PRIORITIES.find(([least]) => Number(level) >= least)?.[1] ?? DEBUG;
}

/** Whether the descriptor leads to the journal, as systemd says in `$JOURNAL_STREAM`. */
function isJournal(fd: number, env: Readonly<Record<string, string | undefined>>): boolean {
  const { dev, ino } = fstatSync(fd);
  return env['JOURNAL_STREAM'] === `${dev}:${ino}`;
}

/** Standard error as it is, or with priorities when it leads to the journal. Each write is to hold whole lines. */
export function withPriorities(
  stderr: NodeJS.WritableStream & { readonly fd: number },
  env: Readonly<Record<string, string | undefined>>,
): NodeJS.WritableStream {
  if (env['JOURNAL_STREAM'] === undefined || !isJournal(stderr.fd, env)) return stderr;
  return new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      stderr.write(
        String(chunk).replace(/^.+/gm, (line) => `<${priorityOf(line)}>${line}`),
        // Whether it could be written or not: the stream below tells its own errors.
        () => done(),
      );
    },
  });
}
