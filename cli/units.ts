/**
 * Numbers as people read them.
 */

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** 1536 -> `1.5 KiB`. */
export function bytesText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

/** 1234567 -> `1,234,567`. */
export const countText = (count: number): string => Math.round(count).toLocaleString('en-US');

/** 1 -> `1 message`, 2000 -> `2,000 messages`. */
export const countedText = (count: number, noun: string): string =>
  `${countText(count)} ${noun}${count === 1 ? '' : 's'}`;

/** 93784 -> `1d 2h`; 0.5 -> `0.5s`. The two largest units. */
export function durationText(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10}s`;
  const whole = Math.round(seconds);
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'm'],
    [whole % 60, 's'],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value}${unit}`)
    .join(' ');
}

/** Rows with their columns under each other; numbers to the right. */
export function table(rows: ReadonlyArray<readonly string[]>): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isNumber = (cell: string): boolean => /^[\d,.]+( ([KMGT]?i?B|ms))?(\/s)?%?$/.test(cell);
  // A heading stands where its numbers do.
  const toRight = widths.map((_, column) => rows.slice(1).some((row) => isNumber(row[column] ?? '')));
  return rows
    .map((row) => row.map((cell, i) => (toRight[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!))))
    .map((cells) => `${cells.join('  ').trimEnd()}\n`)
    .join('');
}
