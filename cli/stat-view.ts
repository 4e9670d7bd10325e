/**
 * Stats as people read them.
 */
import type { CursorBody, ListBody, StatBody, UnreadableBody } from '../src/protocol/answers.js';
import { cursorLetter, fullest, renderRing } from './ring.js';
import type { Style } from './style.js';
import { bytesText, countedText, countText, durationText, table } from './units.js';

/** A stat, with cursors when it is that of one queue. */
export type QueueStat = StatBody & { readonly cursors?: Readonly<Record<string, CursorBody>> };

/** Messages a second, where they are known from two looks. */
type Rates = ReadonlyMap<string, number>;

/** One queue: a fact a line, the ring, the cursors. */
export function renderStat(stat: QueueStat, style: Style, rate?: number): string {
  const { rotated } = stat;
  const reasons = (['byCount', 'byBytes', 'byAge', 'byRoom'] as const).filter((reason) => rotated[reason] > 0);
  const why = reasons.map((reason) => `${countText(rotated[reason])} by ${reason.slice(2).toLowerCase()}`).join(', ');
  const state = stat.state === 'ok' ? style.green(stat.state) : style.red(`${stat.state}: ${stat.stateReason}`);
  const facts: Array<[string, string]> = [
    ['queue', style.bold(stat.queue)],
    ['ids', `${stat.oldest} to ${stat.next} (exclusive)`],
    ['messages', `${countText(stat.count)} of ${countText(stat.maxMessages)}`],
    ['bytes', `${bytesText(stat.bytes)} of ${bytesText(stat.maxBytes)}`],
    ['age', ageText(stat)],
    ['rate', rateText(stat, rate)],
    ['rotated', `${countText(rotated.messages)}${why === '' ? '' : ` (${why})`}`],
    ['file', `${bytesText(stat.file.bytes)} of ${bytesText(stat.file.limit)}`],
    ['tails', String(stat.tails)],
    ['epoch', stat.epoch],
    ['state', state],
  ];
  const lines = facts.map(([name, value]) => `${name.padEnd(9)} ${value}\n`).join('');
  return `${lines}\n${renderRing(stat, style)}${renderCursors(stat)}`;
}

function ageText({ oldestTime, newestTime, maxAgeSeconds }: StatBody): string {
  const most = maxAgeSeconds === null ? '' : `, at most ${durationText(maxAgeSeconds)}`;
  return oldestTime === null ? `empty${most}` : `${oldestTime} to ${newestTime}${most}`;
}

/** As seen between two looks, else on average over what is kept. */
function rateText({ count, oldestTime, newestTime }: StatBody, rate: number | undefined): string {
  if (rate !== undefined) return `${countText(rate)} messages/s`;
  const ms = oldestTime === null || newestTime === null ? 0 : Date.parse(newestTime) - Date.parse(oldestTime);
  return ms < 1000 ? '-' : `${countText((count / ms) * 1000)} messages/s on average over what is kept`;
}

function renderCursors({ cursors = {} }: QueueStat): string {
  const rows = Object.entries(cursors).map(([name, { position, lag, headroom, missed, updatedAt }], index) => [
    `${cursorLetter(index)} ${name}`,
    String(position),
    countText(lag),
    headroomText(headroom),
    countText(missed),
    updatedAt,
  ]);
  if (rows.length === 0) return '';
  return `\n${table([['CURSOR', 'POSITION', 'LAG', 'HEADROOM', 'MISSED', 'UPDATED'], ...rows])}`;
}

/** How far rotation is from the cursor. */
const headroomText = ({ messages, seconds }: CursorBody['headroom']): string =>
  `${countedText(messages, 'message')}${seconds === null ? '' : ` (${durationText(seconds)})`}`;

/** What a narrow terminal does without, the first first. */
const DISPENSABLE = ['FILE', 'OLDEST', 'BYTES', 'NEXT'];

/** All queues, one a line. */
export function renderList(queues: ListBody['queues'], columns: number, rates?: Rates): string {
  if (queues.length === 0) return 'no queues; make one with: rotera create NAME\n';
  const heading = ['QUEUE', 'MESSAGES', 'BYTES', 'OLDEST', 'NEXT', 'FULL', 'FILE', 'STATE'];
  const rows = queues.map((stat) => (isUnreadable(stat) ? unreadableRow(stat) : row(stat)));
  const pushed = (cells: readonly string[]): string => `${countText(rates?.get(cells[0] as string) ?? 0)}/s`;
  const whole = rates === undefined ? rows : rows.map((cells) => [...cells, pushed(cells)]);
  return fitTable([rates === undefined ? heading : [...heading, 'PUSHED'], ...whole], columns);
}

function fitTable(rows: ReadonlyArray<readonly string[]>, columns: number): string {
  const text = table(rows);
  const out = rows[0]?.indexOf(DISPENSABLE.find((name) => rows[0]?.includes(name)) ?? '') ?? -1;
  if (out === -1 || text.indexOf('\n') <= columns) return text;
  return fitTable(
    rows.map((row) => row.filter((_, column) => column !== out)),
    columns,
  );
}

export const isUnreadable = (stat: ListBody['queues'][number]): stat is UnreadableBody => stat.state === 'unreadable';

const row = (stat: StatBody): string[] => [
  stat.queue,
  countText(stat.count),
  bytesText(stat.bytes),
  String(stat.oldest),
  String(stat.next),
  `${Math.floor(fullest(stat).share * 100)}%`,
  bytesText(stat.file.limit),
  stat.state,
];

const unreadableRow = ({ queue, stateReason }: UnreadableBody): string[] => [
  queue,
  ...new Array<string>(6).fill(''),
  `unreadable: ${stateReason}`,
];
