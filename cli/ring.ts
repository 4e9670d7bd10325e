/**
 * A picture of a queue: how full it is, where its cursors stand.
 */
import type { CursorBody, StatBody } from '../src/protocol/answers.js';
import type { Style } from './style.js';

/** Of the picture, where there is room; what is narrower than the least says little beside its numbers. */
const WIDTH = 50;
const LEAST_WIDTH = 20;

/** The limit that is nearest to rotating messages out, and how near: 1 is full. */
export function fullest(stat: StatBody): { readonly share: number; readonly limit: string } {
  const shares = [
    { share: stat.count / stat.maxMessages, limit: 'messages' },
    { share: stat.bytes / stat.maxBytes, limit: 'bytes' },
  ];
  return shares.reduce((most, one) => (one.share > most.share ? one : most));
}

/**
 * One line for the messages kept, from the oldest to the next, followed by the free room; above it a letter for each cursor.
 *
 * ```
 *             a              b
 * oldest 120 |#####################>..................| next 980   41% of its messages
 * ```
 */
export function renderRing(
  stat: StatBody & { readonly cursors?: Readonly<Record<string, CursorBody>> },
  style: Style,
): string {
  const { share, limit } = fullest(stat);
  const oldest = `oldest ${stat.oldest} `;
  const next = ` next ${stat.next}   ${Math.floor(share * 100)}% of max ${limit}`;
  const beside = style.columns - oldest.length - next.length - 2;
  // Where the numbers do not fit beside the picture, they stand below it.
  const isNarrow = beside < LEAST_WIDTH;
  const width = Math.max(1, Math.min(WIDTH, isNarrow ? style.columns - 2 : beside));
  const filled = stat.count === 0 ? 0 : Math.max(1, Math.round(Math.min(1, share) * width));
  const strip = `|${style.green('#'.repeat(filled))}${style.dim('.'.repeat(width - filled))}|`;
  const marks = Object.values(stat.cursors ?? {}).map(({ position }) => column(position, stat, filled));
  const above = marks.length === 0 ? '' : `${style.cyan(markers(marks, width))}\n`;
  if (isNarrow) return `${above && ` ${above}`}${strip}\n${oldest}${next.trimStart()}\n`;
  return `${above && `${' '.repeat(oldest.length + 1)}${above}`}${oldest}${strip}${next}\n`;
}

/** The letter of cursor `index` in the picture. */
export const cursorLetter = (index: number): string => String.fromCharCode(97 + (index % 26));

function column(position: number, { oldest, next }: StatBody, filled: number): number {
  if (next === oldest) return 0;
  const along = (Math.max(oldest, Math.min(position, next)) - oldest) / (next - oldest);
  return Math.round(along * filled);
}

/** Letters at their columns; where several meet, `*`. */
function markers(columns: readonly number[], width: number): string {
  const line = new Array<string>(width + 1).fill(' ');
  columns.forEach((at, index) => {
    line[at] = line[at] === ' ' ? cursorLetter(index) : '*';
  });
  return line.join('').trimEnd();
}
