/**
 * A case as a picture: bars of the medians, each with a line from its least to its greatest run. SVG.
 */
import { type CaseResult, median, type Series, valuesOf } from '../measure.js';
import { short } from './markdown.js';

const WIDTH = 720;
const LABELS = 240;
const VALUES = 90;
const ROW = 24;
const TOP = 34;
const COLOURS = { ours: '#2563eb', theirs: '#9ca3af', line: '#111827' } as const;

const quoted = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const measuredOf = (series: readonly Series[]) =>
  series.some((one) => valuesOf(one, 'perSecond').length > 0 && valuesOf(one, 'p50').length === 0)
    ? ('perSecond' as const)
    : ('p50' as const);

/** A self-contained SVG document. */
export function renderPicture({ id, title, payload, series }: CaseResult): string {
  const measured = measuredOf(series);
  const rows = series.map((one) => ({ name: one.name, values: valuesOf(one, measured) }));
  const most = Math.max(...rows.flatMap(({ values }) => values));
  const scale = (WIDTH - LABELS - VALUES) / most;
  const bars = rows.map(({ name, values }, i) => {
    const y = TOP + i * ROW;
    const middle = y + ROW / 2;
    const value = median(values);
    const ours = id.startsWith('growth') || id === 'memory' || name.startsWith('rotera');
    return [
      `<text x="${LABELS - 8}" y="${middle + 4}" text-anchor="end">${quoted(name)}</text>`,
      `<rect x="${LABELS}" y="${y + 4}" width="${(value * scale).toFixed(1)}" height="${ROW - 8}" fill="${ours ? COLOURS.ours : COLOURS.theirs}"/>`,
      `<line x1="${(LABELS + Math.min(...values) * scale).toFixed(1)}" x2="${(LABELS + Math.max(...values) * scale).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="${COLOURS.line}"/>`,
      `<text x="${(LABELS + Math.max(...values) * scale + 6).toFixed(1)}" y="${middle + 4}">${short(value)}</text>`,
    ].join('');
  });
  const unit = measured === 'p50' ? 'ms, p50' : id === 'memory' ? 'KiB' : 'a second';
  const heading = [title, payload === 'none' ? '' : payload, unit].filter(Boolean).join(', ');
  const height = TOP + rows.length * ROW + 8;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<title>${quoted(heading)}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    `<text x="8" y="20" font-size="14">${quoted(heading)}</text>`,
    ...bars,
    '</svg>\n',
  ].join('\n');
}
