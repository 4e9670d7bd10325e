/**
 * The server's configuration: one frozen object, one set of defaults; a flag beats the environment, which beats the default.
 */
import { readdirSync } from 'node:fs';
import { RoteraError } from './errors.js';
import { DEFAULT_HOST, DEFAULT_PORT } from './protocol/api.js';
import { queueName } from './queue/queues.js';

export interface Config {
  /** Address to listen on. */
  readonly host: string;
  /** TCP port; 0 lets the system choose one. */
  readonly port: number;
  /** Directory of the rot files. */
  readonly dir: string;
  readonly logLevel: LogLevel;
}

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Options as they come from flags, as text. */
export type ConfigOptions = { readonly [K in keyof Config]?: string | undefined };

export const DEFAULTS: Omit<Config, 'dir'> = Object.freeze({
  host: DEFAULT_HOST,
  port: DEFAULT_PORT,
  logLevel: 'warn',
});

/** Where rot files are when nobody says: the current directory when it holds some, else `rots` in it. */
function defaultDirectory(): string {
  const holdsRotFiles = readdirSync('.').some((file) => queueName(file) !== undefined);
  return holdsRotFiles ? '.' : 'rots';
}

/** @throws `bad_config` naming the option, its value and what is accepted */
export function readConfig(flags: ConfigOptions, env: Readonly<Record<string, string | undefined>>): Config {
  const host = flags.host ?? env['ROTERA_HOST'] ?? DEFAULTS.host;
  const dir = flags.dir ?? env['ROTERA_DIR'] ?? defaultDirectory();
  const portText = flags.port ?? env['ROTERA_PORT'] ?? String(DEFAULTS.port);
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : -1;
  if (port < 0 || port > 65_535) throw badConfig('port', portText, 'a number from 0 to 65535');
  const levelText = flags.logLevel ?? env['ROTERA_LOG_LEVEL'] ?? DEFAULTS.logLevel;
  const logLevel = LOG_LEVELS.find((level) => level === levelText);
  if (logLevel === undefined) throw badConfig('log-level', levelText, LOG_LEVELS.join(', '));
  return Object.freeze({ host, port, dir, logLevel });
}

function badConfig(option: string, value: string, accepted: string): RoteraError {
  return new RoteraError('bad_config', `--${option} ${value} is not accepted: ${accepted}.`, {
    option,
    value,
    accepted,
  });
}
