/**
 * Reads the configuration: a flag beats the environment, which beats the file, which beats systemd's credentials, which beat
 * the defaults. Everything is checked, also what is overruled.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRoteraError, messageOf, RoteraError } from '../errors.js';
import { queueName } from '../queue/queue-name.js';
import { type Config, DEFAULTS, OPTIONS, optionNames, variableOf } from './config.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Options as flags give them: text, true or false, or a list of text. `config` is the path of the configuration file. */
export type Flags = { readonly [K in keyof Config | 'config']?: unknown };

/** The credentials of the systemd unit, by the option that each stands for. */
const CREDENTIALS = { tokensFile: 'tokens', tlsCert: 'tls-certificate', tlsKey: 'tls-key' } as const;

/** @throws `bad_config` naming the option, its value and what is accepted */
export function readConfig(flags: Flags, env: Environment): Config {
  const file = flags.config ?? (env['ROTERA_CONFIG'] || undefined);
  const given: Partial<Config> = {
    ...DEFAULTS,
    ...credentialOptions(env),
    ...(file === undefined ? {} : fileOptions(file as string)),
    ...environmentOptions(env),
    ...flagOptions(flags),
  };
  if ((given.tlsCert === undefined) !== (given.tlsKey === undefined)) {
    throw new RoteraError(
      'bad_config',
      'A TLS certificate and its key belong together: give --tls-cert and --tls-key.',
    );
  }
  return Object.freeze({ ...given, dir: given.dir ?? defaultDirectory() } as Config);
}

/** Where rot files are when nobody says: the current directory when it holds some, else `rots` in it. */
function defaultDirectory(): string {
  const holdsRotFiles = readdirSync('.').some((file) => queueName(file) !== undefined);
  return holdsRotFiles ? '.' : 'rots';
}

function flagOptions(flags: Flags): Partial<Config> {
  return checkOptions(optionNames.map((key) => [key, `--${OPTIONS[key].flag}`, flags[key]]));
}

/** A variable that is set to nothing counts as not set, as compose files and units leave them. */
function environmentOptions(env: Environment): Partial<Config> {
  const names = optionNames.filter((key) => OPTIONS[key].flag !== undefined);
  return checkOptions(names.map((key) => [key, variableOf(key), env[variableOf(key)] || undefined]));
}

function credentialOptions({ CREDENTIALS_DIRECTORY: directory }: Environment): Partial<Config> {
  if (directory === undefined) return {};
  const files = Object.entries(CREDENTIALS).map(([key, name]) => [key, join(directory, name)] as const);
  return Object.fromEntries(files.filter(([, path]) => existsSync(path)));
}

function fileOptions(path: string): Partial<Config> {
  const { $schema: _, ...fields } = readObject(path);
  const entries = Object.entries(fields).map(([key, value]): Given => {
    if (!Object.hasOwn(OPTIONS, key)) {
      const text = `${path}: ${key} is not known; known are ${optionNames.join(', ')}.`;
      throw new RoteraError('bad_config', text, { option: key, accepted: optionNames });
    }
    const { parameter } = OPTIONS[key as keyof Config];
    // A flag is text that means a number; in the file a number is a number.
    const isWrongType = value === null || (typeof value === 'string' && !takesText(parameter.schema));
    if (isWrongType) throw refusal(`${path}: ${key}`, value, parameter.accepted);
    return [key as keyof Config, `${path}: ${key}`, value];
  });
  return checkOptions(entries);
}

const takesText = (schema: Readonly<Record<string, unknown>>): boolean =>
  schema['type'] === 'string' || schema['type'] === undefined;

function readObject(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    const text = `The configuration file ${path} cannot be read: ${messageOf(cause)}.`;
    throw new RoteraError('bad_config', text, {}, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RoteraError('bad_config', `The configuration file ${path} holds no JSON object.`);
  }
  return value as Record<string, unknown>;
}

/** An option, where it was given, and its value; undefined when it was not. */
type Given = readonly [key: keyof Config, source: string, value: unknown];

function checkOptions(all: readonly Given[]): Partial<Config> {
  const given = all.filter(([, , value]) => value !== undefined);
  return Object.fromEntries(given.map(([key, source, value]) => [key, checkOption(key, source, value)]));
}

function checkOption(key: keyof Config, source: string, value: unknown): unknown {
  const { parameter } = OPTIONS[key];
  let checked: unknown;
  try {
    checked = parameter.check(value);
  } catch (cause) {
    if (!isRoteraError(cause)) throw cause;
    throw new RoteraError('bad_config', `${source}: ${cause.message}`, { option: key }, { cause });
  }
  if (checked === undefined) throw refusal(source, value, parameter.accepted);
  return checked;
}

function refusal(source: string, value: unknown, accepted: string): RoteraError {
  const shown = (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 200);
  const text = `${source} ${shown} is not accepted: ${accepted}.`;
  return new RoteraError('bad_config', text, { option: source, value: shown, accepted });
}
