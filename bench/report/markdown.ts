/**
 * A run as Markdown: the goals, then every case.
 */
import { GOALS, MEMORY_GOALS, type Outcome, outcomeOf } from '../goals.js';
import { type CaseResult, type Measured, median, type Series, valuesOf } from '../measure.js';

/** A whole run, as it is kept in JSON. */
export interface Run {
  readonly at: string;
  readonly command: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly absent: readonly string[];
  readonly cases: readonly CaseResult[];
}

/** Three digits that count. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value >= 1000) return Math.round(Number(value.toPrecision(3))).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (heads: readonly string[], rows: ReadonlyArray<readonly string[]>): string =>
  [row(heads), row(heads.map(() => '---')), ...rows.map(row)].join('\n');

function goalRow(outcome: Outcome): readonly string[] {
  const { goal, ours, theirs, peer, ratio, least, most, met } = outcome;
  const unit = goal.measured === 'perSecond' ? '/s' : ' ms';
  const wanted =
    goal.atLeast === undefined ? `at most ${short(goal.atMost ?? 0)} ×` : `at least ${short(goal.atLeast)} ×`;
  return [
    goal.text,
    `${peer.name} (${peer.durability})`,
    short(ours) + unit,
    short(theirs) + unit,
    `${short(ratio)} × (${short(least)} to ${short(most)})`,
    wanted,
    met ? 'met' : 'missed',
  ];
}

function memoryRows(cases: readonly CaseResult[]): string[][] {
  const series = cases.find(({ id }) => id === 'memory')?.series ?? [];
  return series.flatMap(({ name, durability, figures }) => {
    const wanted = MEMORY_GOALS[name];
    const kib = figures[0]?.perSecond ?? Number.NaN;
    if (wanted === undefined) return [];
    return [[name, durability, `${short(kib)} KiB`, '', '', `at most ${wanted} KiB`, kib <= wanted ? 'met' : 'missed']];
  });
}

function seriesRow(series: Series, measured: readonly Measured[]): string[] {
  const cells = measured.map((kind) => {
    const values = valuesOf(series, kind);
    if (values.length === 0) return '';
    const spread = values.length > 1 ? ` (${short(Math.min(...values))} to ${short(Math.max(...values))})` : '';
    return short(median(values)) + spread;
  });
  return [series.name, series.durability, ...cells];
}

const HEADS: Readonly<Record<Measured, string>> = {
  perSecond: 'per second',
  p50: 'p50, ms',
  p99: 'p99, ms',
  cpuMicros: 'processor of the server, µs a message',
};

function caseSection({ id, title, payload, series }: CaseResult, pictures: string): string {
  const measured = (Object.keys(HEADS) as Measured[]).filter((kind) =>
    series.some((one) => valuesOf(one, kind).length > 0),
  );
  const heads = ['', 'safe from a power cut', ...measured.map((kind) => (id === 'memory' ? 'KiB' : HEADS[kind]))];
  const picture = `![${title}](${pictures}/${pictureName({ id, payload })})`;
  const rows = series.map((one) => seriesRow(one, measured));
  return `### ${title}${payload === '' || payload === 'none' ? '' : `, ${payload}`}\n\n${table(heads, rows)}\n\n${picture}`;
}

/** File name of a case's picture. */
export const pictureName = ({ id, payload }: Pick<CaseResult, 'id' | 'payload'>): string =>
  `${[id, payload]
    .join(' ')
    .trim()
    .replaceAll(/[^A-Za-z0-9]+/g, '-')
    .toLowerCase()}.svg`;

/** @param pictures where the pictures are, as seen from the document */
export function renderMarkdown({ at, command, machine, absent, cases }: Run, pictures: string): string {
  const goals = GOALS.flatMap((goal) => outcomeOf(goal, cases.filter(isOfGoals)) ?? []).map(goalRow);
  const heads = ['case', 'against', 'ours', 'theirs', 'ratio of the medians (of single rounds)', 'goal', ''];
  return [
    `Measured ${at} by \`${command}\`.`,
    table(['', ''], Object.entries(machine)),
    ...absent.map((text) => `**Absent:** ${text}.`),
    '### Goals',
    table(heads, [...goals, ...memoryRows(cases)]),
    ...cases.map((one) => caseSection(one, pictures)),
  ].join('\n\n');
}

/** Goals are for messages of 100 bytes. */
const isOfGoals = ({ payload }: CaseResult): boolean => payload === '100 B';
