/**
 * Parameters and fields of the API: each is described once, for checking and for documenting it.
 */
import { RoteraError } from '../errors.js';
import { FROM_ACCEPTED, type From, parseFrom } from '../from.js';

/** How one parameter or field is checked. `check` answers undefined for what is not accepted. */
export interface Parameter<T> {
  readonly accepted: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly check: (value: unknown) => T | undefined;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;
export type Checked<P extends Parameters> = { [K in keyof P]?: P[K] extends Parameter<infer T> ? T : never };

function inRange(value: unknown, least: number, most: number): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
    ? value
    : undefined;
}

/** A whole number in a query: digits only. */
export const integer = (least: number, most: number): Parameter<number> => ({
  accepted: `a whole number from ${least} to ${most}`,
  schema: { type: 'integer', minimum: least, maximum: most },
  check: (value) => inRange(typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value, least, most),
});

export const flag: Parameter<boolean> = {
  accepted: 'true or false',
  schema: { type: 'boolean' },
  check: (value) =>
    value === 'true' || value === true ? true : value === 'false' || value === false ? false : undefined,
};

export const oneOf = <T extends string>(...words: readonly T[]): Parameter<T> => ({
  accepted: words.join(' or '),
  schema: { enum: words },
  check: (value) => words.find((word) => word === value),
});

/** The same, or null. */
export const nullable = <T>(parameter: Parameter<T>): Parameter<T | null> => ({
  accepted: `${parameter.accepted}, or null`,
  schema: { anyOf: [parameter.schema, { type: 'null' }] },
  check: (value) => (value === null ? null : parameter.check(value)),
});

/** Text of a certain form. @param accepted the form in words */
export const text = (pattern: RegExp, accepted: string): Parameter<string> => ({
  accepted,
  schema: { type: 'string', pattern: pattern.source },
  check: (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined),
});

/** The epoch that the client believes the queue to have. */
export const epochParameter = text(/^[A-Za-z0-9_-]{1,64}$/, 'the epoch of the queue, as stat shows it');

/** Where a read or tail starts. */
export const fromParameter: Parameter<From> = {
  accepted: FROM_ACCEPTED,
  schema: { type: 'string' },
  check: (value) => (typeof value === 'string' ? parseFrom(value) : undefined),
};

/**
 * Checks the parameters of a query, of headers or of a file against those that there may be.
 * @throws `bad_parameter` for one that is unknown, repeated, malformed or out of range; it names the parameter, its value and
 * what is accepted
 */
export function checkParameters<P extends Parameters>(parameters: P, given: unknown): Checked<P> {
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given as Record<string, unknown>)) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (parameter === undefined) {
      const accepted = Object.keys(parameters).join(', ') || 'none';
      throw badParameter(name, value, `it is not known here; known: ${accepted}`, accepted);
    }
    if (Array.isArray(value)) throw badParameter(name, value, 'it is given more than once', parameter.accepted);
    const result = parameter.check(value);
    if (result === undefined) throw badParameter(name, value, `accepted: ${parameter.accepted}`, parameter.accepted);
    checked[name] = result;
  }
  return checked as Checked<P>;
}

/** Checks the fields of a JSON object, none of which is text: there a number in quotes is none. @throws as above */
export function checkFields<P extends Parameters>(fields: P, given: object): Checked<P> {
  const checked = checkParameters(fields, given);
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'string') continue;
    const { accepted } = fields[name] as Parameter<unknown>;
    throw badParameter(name, value, `it is text; accepted: ${accepted}`, accepted);
  }
  return checked;
}

/** What is shown of a value that is not accepted. */
const MAX_SHOWN = 200;

function badParameter(parameter: string, value: unknown, reason: string, accepted: string): RoteraError {
  const shown = (typeof value === 'string' ? value : String(JSON.stringify(value))).slice(0, MAX_SHOWN);
  return new RoteraError('bad_parameter', `${parameter}=${shown}: ${reason}.`, { parameter, value: shown, accepted });
}
