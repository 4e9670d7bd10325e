// @ts-check
/**
 * Numbers, sizes and times for people.
 */
const whole = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** @param {number} value */
export const number = (value) => whole.format(value);

/** 1,234,567 -> 1.2M @param {number} value */
export const brief = (value) => (Math.abs(value) < 10_000 ? whole.format(value) : short.format(value));

/** @param {number} value */
export const rate = (value) => {
  const digits = value < 10 ? 1 : 0;
  return value >= 10_000 ? `${short.format(value)}/s` : `${value.toFixed(digits).replace(/\.0$/, '')}/s`;
};

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** @param {number} value */
export function bytes(value) {
  let scaled = value;
  let unit = 0;
  while (scaled >= 1024 && unit < UNITS.length - 1) {
    scaled /= 1024;
    unit++;
  }
  return `${scaled < 10 && unit > 0 ? scaled.toFixed(1) : Math.round(scaled)} ${UNITS[unit]}`;
}

/** @type {ReadonlyArray<readonly [number, string]>} */
const SPANS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
];

/** 4000 seconds -> 1 h 6 min @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return 'under 1 s';
  const first = SPANS.findIndex(([length]) => seconds >= length);
  const [length, unit] = SPANS[first] ?? [1, 's'];
  const [below, unitBelow] = SPANS[first + 1] ?? [0, ''];
  const rest = below === 0 ? 0 : Math.floor((seconds % length) / below);
  return `${Math.floor(seconds / length)} ${unit}${rest > 0 ? ` ${rest} ${unitBelow}` : ''}`;
}

/** @param {number} share 0 to 1 */
export const percent = (share) => `${share > 0 && share < 0.01 ? '<1' : Math.floor(share * 100)} %`;

/** @param {string | null} time RFC 3339 @param {number} now ms */
export const age = (time, now) => (time === null ? 'none' : duration(Math.max(0, (now - Date.parse(time)) / 1000)));
