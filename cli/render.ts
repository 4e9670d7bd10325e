/**
 * What the commands show to people.
 */
import { messagesOf } from '../src/batch.js';
import type { ListBody, StatBody } from '../src/protocol/answers.js';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** 1536 -> `1.5 KiB`. */
export function bytesText(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[power]}`;
}

/** 1234567 -> `1,234,567`. */
export const countText = (count: number): string => count.toLocaleString('en-US');

/** Rows with their columns under each other. Numbers to the right. */
export function table(rows: ReadonlyArray<readonly string[]>): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, i) =>
        /^[\d,.]+( [KMGT]?i?B)?$/.test(cell) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!),
      ),
    )
    .map((cells) => `${cells.join('  ').trimEnd()}\n`)
    .join('');
}

/** One queue, a fact a line. */
export function renderStat(stat: StatBody): string {
  const { rotated } = stat;
  const reasons = (['byCount', 'byBytes', 'byAge', 'byRoom'] as const).filter((reason) => rotated[reason] > 0);
  const why = reasons.map((reason) => `${countText(rotated[reason])} by ${reason.slice(2).toLowerCase()}`).join(', ');
  return [
    ['queue', stat.queue],
    ['ids', `${stat.oldest} to ${stat.next} (exclusive)`],
    ['messages', `${countText(stat.count)} of ${countText(stat.maxMessages)}`],
    ['bytes', `${bytesText(stat.bytes)} of ${bytesText(stat.maxBytes)}`],
    ['age', stat.oldestTime === null ? 'empty' : `${stat.oldestTime} to ${stat.newestTime}`],
    ['rotated', `${countText(rotated.messages)}${why === '' ? '' : ` (${why})`}`],
    ['file', `${bytesText(stat.file.bytes)} of ${bytesText(stat.file.limit)}`],
    ['tails', String(stat.tails)],
    ['epoch', stat.epoch],
    ['state', stat.stateReason === null ? stat.state : `${stat.state}: ${stat.stateReason}`],
  ]
    .map(([name, value]) => `${name!.padEnd(9)} ${value}\n`)
    .join('');
}

/** All queues, one a line. */
export function renderList(queues: ListBody['queues']): string {
  if (queues.length === 0) return 'no queues\n';
  const rows = queues.map((stat) =>
    stat.state === 'unreadable'
      ? [stat.queue, '', '', '', '', '', `unreadable: ${stat.stateReason}`]
      : [
          stat.queue,
          countText(stat.count),
          bytesText(stat.bytes),
          countText(stat.oldest),
          countText(stat.next),
          bytesText(stat.file.limit),
          stat.state,
        ],
  );
  return table([['QUEUE', 'MESSAGES', 'BYTES', 'OLDEST', 'NEXT', 'FILE', 'STATE'], ...rows]);
}

/** Messages as lines. */
export function rawLines(records: Uint8Array): Buffer {
  const newline = Buffer.from('\n');
  const parts: Uint8Array[] = [];
  for (const message of messagesOf(records)) parts.push(message, newline);
  return Buffer.concat(parts);
}

/** What is said on standard error when a range is no longer whole. */
export const gapNotice = (gap: { readonly from: number; readonly to: number; readonly reason?: string }): string =>
  `rotera: ${countText(gap.to - gap.from)} messages are gone: ids ${gap.from} to ${gap.to - 1}${gap.reason === undefined ? '' : ` (${gap.reason})`}\n`;
