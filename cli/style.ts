/**
 * Bold, colours and a width, for terminals only.
 */
import { isTerminal } from './context.js';

export interface Style extends Paints {
  /** How much fits on a line; infinite where nothing is cut or wrapped. */
  readonly columns: number;
}

interface Paints {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly green: (text: string) => string;
  readonly cyan: (text: string) => string;
}

/** Of a terminal that does not say. */
const DEFAULT_COLUMNS = 80;

/** Codes of "Select Graphic Rendition" that switch on and off (ECMA-48, 8.3.117). */
const CODES: Readonly<Record<keyof Paints, readonly [on: number, off: number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  yellow: [33, 39],
  green: [32, 39],
  cyan: [36, 39],
};

/** The style for a stream: plain when it is no terminal, or when NO_COLOR is set (https://no-color.org). */
export function styleFor(stream: NodeJS.WritableStream, env: Readonly<Record<string, string | undefined>>): Style {
  const plain = !isTerminal(stream) || Boolean(env['NO_COLOR']) || env['TERM'] === 'dumb';
  const paint = (name: keyof Paints) => (text: string) =>
    plain ? text : `\u001b[${CODES[name][0]}m${text}\u001b[${CODES[name][1]}m`;
  return {
    columns: isTerminal(stream) ? stream.columns || DEFAULT_COLUMNS : Number.POSITIVE_INFINITY,
    bold: paint('bold'),
    dim: paint('dim'),
    red: paint('red'),
    yellow: paint('yellow'),
    green: paint('green'),
    cyan: paint('cyan'),
  };
}
