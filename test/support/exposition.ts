/**
 * The Prometheus text format, read back, and what Prometheus' own linter asks of it.
 */

export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** Value by name and labels, as they stand in the text: `name{label="value"}`. */
  readonly samples: ReadonlyMap<string, number>;
}

const SAMPLE = /^([a-z_][a-z0-9_]*)(?:\{([^{}]*)\})? (\S+)$/;

const numberOf = (text: string): number =>
  text === '+Inf' ? Number.POSITIVE_INFINITY : text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);

/** @throws for a line that is none of the format's */
export function parseMetrics(text: string): Metric[] {
  const metrics: Array<Metric & { samples: Map<string, number> }> = [];
  for (const line of text.split('\n').filter((line) => line !== '')) {
    const [, help, helpText = ''] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
    const [, typed, type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    const last = metrics.at(-1);
    if (help !== undefined) metrics.push({ name: help, help: helpText, type: '', samples: new Map() });
    else if (typed !== undefined && typed === last?.name) metrics.splice(-1, 1, { ...last, type });
    else {
      const [, name = '', labels, value = ''] = SAMPLE.exec(line) ?? [];
      if (last === undefined || !name.startsWith(last.name)) throw new Error(`not of this format: ${line}`);
      const key = labels === undefined ? name : `${name}{${labels}}`;
      if (last.samples.has(key)) throw new Error(`twice: ${key}`);
      last.samples.set(key, numberOf(value));
    }
  }
  return metrics;
}

/** Every sample of a text. */
export const samplesOf = (text: string): Map<string, number> =>
  new Map(parseMetrics(text).flatMap(({ samples }) => [...samples]));

/** Units that are no base units, and short forms: https://prometheus.io/docs/practices/naming/ */
const BAD_UNIT =
  /_(milliseconds|microseconds|nanoseconds|minutes|hours|days|kilobytes|megabytes|bits|percent|ms|us|s|sec|kb|mb|b)(_|$)/;

/** Everything that `promtool check metrics` would say, and doubles. */
export function lint(text: string): string[] {
  const metrics = parseMetrics(text);
  const found: string[] = [];
  const names = metrics.map(({ name }) => name);
  for (const { name, help, type, samples } of metrics) {
    const say = (problem: string): void => void found.push(`${name}: ${problem}`);
    if (names.filter((one) => one === name).length > 1) say('twice');
    if (help.trim() === '') say('no help');
    if (!['counter', 'gauge', 'histogram'].includes(type)) say(`type ${type}`);
    if (!/^[a-z][a-z0-9_]*$/.test(name) || name.includes('__')) say('not in snake case');
    if ((type === 'counter') !== name.endsWith('_total')) say('a counter ends in _total, and nothing else does');
    if (/_(count|sum|bucket)$/.test(name)) say('ends as a part of a histogram does');
    if (/_(counter|gauge|histogram)(_|$)/.test(name)) say('its type in its name');
    if (BAD_UNIT.test(name)) say('no base unit');
    if (type === 'histogram' && ![...samples.keys()].some((key) => key.includes('le="+Inf"'))) say('no bucket +Inf');
    for (const [key, value] of samples) {
      if (Number.isNaN(value)) say(`${key} is not a number`);
      if (type === 'counter' && value < 0) say(`${key} is negative`);
      if (type !== 'histogram' && /\{.*\ble=/.test(key)) say('the label of buckets');
    }
  }
  return found;
}
