/**
 * Series of the Prometheus text format (https://prometheus.io/docs/instrumenting/exposition_formats/) for many labels at once.
 *
 * prom-client keeps every series of a family in a map of its own, which for a thousand queues takes it longer than a scrape
 * may; what is computed at the scrape anyway is written here at once.
 */

/** One metric: a name, and a value for each set of labels. */
export interface Family<T> {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  /** Further labels with a value each, where there are several, and the value of a subject. */
  readonly samples: ReadonlyArray<readonly [label: string, value: (subject: T) => number]>;
}

/** A family with one sample a subject. */
export const family = <T>(
  type: Family<T>['type'],
  name: string,
  help: string,
  value: (subject: T) => number,
): Family<T> => ({ type, name, help, samples: [['', value]] });

/** A subject with the labels that name it, as {@link label} writes them. */
export interface Labelled<T> {
  readonly labels: string;
  readonly subject: T;
}

/** `name="value"`. Values are names of ours, in which nothing needs escaping. */
export const label = (name: string, value: string): string => `${name}="${value}"`;

const number = (value: number): string =>
  value === Number.POSITIVE_INFINITY ? '+Inf' : value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);

/** The text of one family: nothing but its head when there are no subjects. */
export function familyText<T>({ name, help, type, samples }: Family<T>, subjects: readonly Labelled<T>[]): string {
  let text = `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
  for (const [extra, value] of samples) {
    const behind = extra === '' ? '' : `,${extra}`;
    for (const { labels, subject } of subjects) text += `${name}{${labels}${behind}} ${number(value(subject))}\n`;
  }
  return text;
}
