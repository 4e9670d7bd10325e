/**
 * Log lines for a person at a terminal, from those that pino writes. The libraries for this bring a dozen others along.
 */
import { Writable } from 'node:stream';

/** Colors of terminals (ECMA-48, SGR). */
const RED = 31;
const GREEN = 32;
const YELLOW = 33;
const GRAY = 90;

const LEVELS: Readonly<Record<number, readonly [name: string, color: number]>> = {
  60: ['FATAL', RED],
  50: ['ERROR', RED],
  40: ['WARN', YELLOW],
  30: ['INFO', GREEN],
  20: ['DEBUG', GRAY],
};

interface Line {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly err?: { readonly stack?: string };
  readonly [fact: string]: unknown;
}

/** `12:00:01 WARN  what happened  fact=1`, with the stack of an error below it; what is no log line, as it is. */
export function readableLine(text: string, colors: boolean): string {
  const line = parse(text);
  if (line === undefined) return text;
  const { level, time, msg = '', err, pid: _pid, hostname: _hostname, ...facts } = line;
  const [name, color] = LEVELS[level] ?? [String(level), GRAY];
  const shown = Object.entries(facts).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const style = (color: number, words: string): string => (colors ? `\u001b[${color}m${words}\u001b[m` : words);
  const clock = new Date(time).toTimeString().slice(0, 8);
  const head = [style(GRAY, clock), style(color, name.padEnd(5)), msg, ...shown.map((fact) => style(GRAY, fact))];
  const stack = err?.stack?.replace(/^/gm, '  ');
  return [head.join(' '), ...(stack === undefined ? [] : [stack])].join('\n');
}

function parse(text: string): Line | undefined {
  if (!text.startsWith('{"level":')) return undefined;
  try {
    return JSON.parse(text) as Line;
  } catch {
    // A line that was cut: shown as it is.
    return undefined;
  }
}

/** A stream that takes log lines and writes them readably. Each write is to hold whole lines. */
export function readable(out: NodeJS.WritableStream, colors: boolean): NodeJS.WritableStream {
  return new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      out.write(
        String(chunk).replace(/^.+/gm, (line) => readableLine(line, colors)),
        // Whether it could be written or not: the stream below tells its own errors.
        () => done(),
      );
    },
  });
}
