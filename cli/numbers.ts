/**
 * Numbers, sizes and durations as people write them on a command line.
 */
import { RoteraError } from '../src/errors.js';

const COUNT_UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };
const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };
const SECONDS: Readonly<Record<string, number>> = { '': 1, ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** A whole number, with k, M or G behind it for thousands, millions, … @throws `bad_parameter` */
export const parseCount = (option: string, text: string): number =>
  parse(option, text, /^(\d+)([kmg]?)$/i, COUNT_UNITS, 'a whole number such as 1000 or 10k');

/** Bytes, with k, M, G or T behind the number for 1024s. @throws `bad_parameter` */
export const parseBytes = (option: string, text: string): number =>
  parse(option, text, /^(\d+)([kmgt]?)(?:i?b)?$/i, BYTE_UNITS, 'bytes such as 1000, 64M or 2G');

/** Seconds, or with ms, s, m, h or d behind the number. @throws `bad_parameter` */
export const parseSeconds = (option: string, text: string): number =>
  parse(option, text, /^(\d+)(ms|[smhd]?)$/, SECONDS, 'seconds, or a duration such as 30s, 10m, 2h or 7d');

function parse(
  option: string,
  text: string,
  pattern: RegExp,
  units: Readonly<Record<string, number>>,
  accepted: string,
): number {
  const match = pattern.exec(text);
  if (match !== null) return Number(match[1]) * (units[(match[2] ?? '').toLowerCase()] as number);
  // A word of the REPL has its colon with it.
  const given = `${option.startsWith(':') ? option : `--${option}`} ${text}`.trimEnd();
  throw new RoteraError('bad_parameter', `${given} is not understood; accepted: ${accepted}.`, {
    parameter: option,
    value: text,
    accepted,
  });
}

/** The same for an option that may be absent. */
export const optional = <T>(
  parse: (option: string, text: string) => T,
  option: string,
  text: string | undefined,
): T | undefined => (text === undefined ? undefined : parse(option, text));
