/**
 * The server's configuration: one frozen object, one set of defaults, one table of options. Flags, environment variables, the
 * configuration file, its check and its JSON schema all come from the table; `read-config.ts` reads them.
 */

import { isIP } from 'node:net';
import { DEFAULT_HOST, DEFAULT_PORT, SERVER_LIMITS } from '../protocol/api.js';
import { flag, integer, oneOf, type Parameter } from '../protocol/parameters.js';
import { type DeclaredQueues, declaredQueues } from './declared-queues.js';

const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

export interface Config {
  /** Address to listen on. */
  readonly host: string;
  /** TCP port; 0 lets the system choose one. */
  readonly port: number;
  /** Path of a Unix socket to listen on, instead of host and port. */
  readonly socket?: string;
  /** Directory of the rot files. */
  readonly dir: string;
  /** Queues that exist when the server is ready, with the limits that matter. */
  readonly queues: DeclaredQueues;
  readonly logLevel: LogLevel;
  /** Files of the tokens and of the TLS certificate and its key, in PEM. The last two come together. */
  readonly tokensFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Whether everyone may do everything on an address that is not loopback. */
  readonly allowAnonymous: boolean;
  /** Names in `Host` that are accepted besides the loopback ones. */
  readonly allowedHosts: readonly string[];
  /** Origins of pages in a browser that may use the API. */
  readonly corsOrigins: readonly string[];
  /** Longest body of a push, and longest frame. */
  readonly maxPushBytes: number;
  readonly maxConnections: number;
  /** Most tails open at the server, and most of them with one token. */
  readonly maxTails: number;
  readonly maxTailsPerToken: number;
}

/** A push is held in memory as a whole. */
const MOST_PUSH_BYTES = 256 * 1024 * 1024;
const MOST_OPEN = 1_000_000;

/** What holds when nobody says otherwise. The default of `dir` depends on where the server is started: see `read-config.ts`. */
export const DEFAULTS: Omit<Config, 'dir'> = Object.freeze({
  host: DEFAULT_HOST,
  port: DEFAULT_PORT,
  queues: Object.freeze({}),
  logLevel: 'warn',
  allowAnonymous: false,
  allowedHosts: Object.freeze([]),
  corsOrigins: Object.freeze([]),
  ...SERVER_LIMITS,
});

/** One option: its flag without the dashes (none when only the file can say it), what it means, and how it is checked. */
export interface Option<T = unknown> {
  readonly flag?: string;
  readonly description: string;
  readonly parameter: Parameter<T>;
}

const isText = (value: unknown): value is string => typeof value === 'string' && /^[^\0]+$/.test(value);

const text = (accepted: string): Parameter<string> => ({
  accepted,
  schema: { type: 'string', minLength: 1 },
  check: (value) => (isText(value) ? value : undefined),
});

const isWord = (value: unknown): value is string => isText(value) && /^[^, ]+$/.test(value);

/** A list in the file, a flag that is given again, words separated by commas in the environment. */
const list = (accepted: string, isOne: (word: string) => boolean): Parameter<readonly string[]> => ({
  accepted,
  schema: { type: 'array', items: { type: 'string', pattern: '^[^, ]+$' } },
  check: (value) => {
    const words = typeof value === 'string' ? value.split(',') : value;
    return Array.isArray(words) && words.every((word) => isWord(word) && isOne(word))
      ? Object.freeze(words)
      : undefined;
  },
});

/** As a page sends it in `Origin`: without a path, and without the port that goes without saying. */
function isOrigin(word: string): boolean {
  if (!/^https?:/.test(word)) return word === '*' || /^[a-z][a-z0-9+.-]*:\/\/[^/?#]+$/.test(word);
  return URL.canParse(word) && new URL(word).origin === word;
}

/** Compared with `Host` without its port. */
const isHostName = (word: string): boolean => isIP(word) === 6 || /^[A-Za-z0-9._-]+$/.test(word);

const path = text('a path');

export const OPTIONS: { readonly [K in keyof Config]-?: Option<NonNullable<Config[K]>> } = {
  host: { flag: 'host', description: 'Address to listen on.', parameter: text('an address or a host name') },
  port: { flag: 'port', description: 'TCP port; 0 for any free one.', parameter: integer(0, 65_535) },
  socket: { flag: 'socket', description: 'Path of a Unix socket to listen on, instead of a port.', parameter: path },
  dir: { flag: 'dir', description: 'Directory of the rot files.', parameter: path },
  queues: {
    description: 'Queues that exist when the server is ready, by name, each with the limits that matter.',
    parameter: declaredQueues,
  },
  logLevel: {
    flag: 'log-level',
    description: 'Least severe messages that are logged: error, warn, info or debug.',
    parameter: oneOf(...LOG_LEVELS),
  },
  tokensFile: { flag: 'tokens', description: 'File of the tokens that clients must have.', parameter: path },
  tlsCert: { flag: 'tls-cert', description: 'Certificate chain for HTTPS, a PEM file.', parameter: path },
  tlsKey: { flag: 'tls-key', description: 'Private key of the certificate, a PEM file.', parameter: path },
  allowAnonymous: {
    flag: 'allow-anonymous',
    description: 'Serve everyone, without tokens, on an address that is not loopback.',
    parameter: flag,
  },
  allowedHosts: {
    flag: 'allowed-host',
    description: 'Names in Host that are accepted besides the loopback ones, for a proxy.',
    parameter: list('host names or addresses without a port, such as queue.example.org', isHostName),
  },
  corsOrigins: {
    flag: 'cors-origin',
    description: 'Origins whose pages may use the API, such as https://example.org.',
    parameter: list('origins such as https://example.org, or *', isOrigin),
  },
  maxPushBytes: {
    flag: 'max-push-bytes',
    description: 'Longest body of a push, and longest frame of a WebSocket.',
    parameter: integer(1024, MOST_PUSH_BYTES),
  },
  maxConnections: {
    flag: 'max-connections',
    description: 'Most connections; further ones are closed at once.',
    parameter: integer(1, MOST_OPEN),
  },
  maxTails: { flag: 'max-tails', description: 'Most tails open at a time.', parameter: integer(1, MOST_OPEN) },
  maxTailsPerToken: {
    flag: 'max-tails-per-token',
    description: 'Most tails open at a time with one token.',
    parameter: integer(1, MOST_OPEN),
  },
};

export const optionNames = Object.keys(OPTIONS) as (keyof Config)[];

/** The environment variable of an option: ROTERA_LOG_LEVEL for `logLevel`. */
export const variableOf = (key: string): string =>
  `ROTERA_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;

/** JSON schema of the configuration file. */
export function configSchema(): Record<string, unknown> {
  const properties = optionNames.map((key) => {
    const { description, parameter } = OPTIONS[key];
    const fallback = (DEFAULTS as Partial<Config>)[key];
    return [key, { description, ...parameter.schema, ...(fallback === undefined ? {} : { default: fallback }) }];
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration file of rotera-server',
    type: 'object',
    additionalProperties: false,
    properties: { $schema: { type: 'string' }, ...Object.fromEntries(properties) },
  };
}
