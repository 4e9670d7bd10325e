/**
 * Queues that the configuration declares: they exist when the server is ready.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isRoteraError, RoteraError } from '../errors.js';
import { createFields } from '../protocol/api.js';
import { checkParameters, type Parameter } from '../protocol/parameters.js';
import { newBlockCache } from '../queue/block-store.js';
import { checkSameLimits, DEFAULT_LIMITS, type Limits } from '../queue/limits.js';
import { lockFileOf } from '../queue/lock-file.js';
import { QUEUE_NAME, ROT_SUFFIX } from '../queue/queue-name.js';
import type { Queues } from '../queue/queues.js';
import { RotFile } from '../queue/rot-file.js';

/** Queue names, each with the limits that matter; the others are the defaults at create and whatever they are afterwards. */
export type DeclaredQueues = Readonly<Record<string, Partial<Limits>>>;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const descriptions: Readonly<Record<keyof typeof createFields, string>> = {
  maxMessages: 'Most messages kept; the oldest rotate out.',
  maxBytes: 'Most bytes of payload kept; the oldest messages rotate out.',
  maxAgeSeconds: 'Age in seconds at which messages rotate out; null for none.',
  maxMessageBytes: 'Longest message accepted, in bytes.',
  reserve: 'Whether all the room on the disk is taken when the queue is made, so that no push meets a full disk.',
};

function limitSchemas(): Record<string, unknown> {
  const fields = Object.entries(createFields) as [keyof typeof createFields, Parameter<unknown>][];
  return Object.fromEntries(
    fields.map(([name, { schema }]) => [
      name,
      { description: descriptions[name], ...schema, default: DEFAULT_LIMITS[name] },
    ]),
  );
}

/** @throws `bad_parameter` naming the queue, and the field that is wrong */
function checkQueue(name: string, limits: unknown): Partial<Limits> {
  const refuse = (reason: string): RoteraError => new RoteraError('bad_parameter', `queue ${name}: ${reason}`);
  if (!QUEUE_NAME.test(name)) throw refuse(`its name is not accepted; accepted is ${QUEUE_NAME.source}.`);
  if (!isObject(limits)) throw refuse('accepted: an object of limits, {} for the defaults.');
  try {
    return Object.freeze(checkParameters(createFields, limits));
  } catch (error) {
    throw isRoteraError(error) ? refuse(error.message) : error;
  }
}

/** `queues` of the configuration file. `check` throws `bad_parameter` when it can say more than undefined does. */
export const declaredQueues: Parameter<DeclaredQueues> = {
  accepted: 'an object of queue names, each with an object of limits, as in {"jobs": {"maxMessages": 1000}}',
  schema: {
    type: 'object',
    propertyNames: { pattern: QUEUE_NAME.source },
    additionalProperties: { type: 'object', additionalProperties: false, properties: limitSchemas() },
  },
  check: (value) => {
    if (!isObject(value)) return undefined;
    return Object.freeze(
      Object.fromEntries(Object.entries(value).map(([name, limits]) => [name, checkQueue(name, limits)])),
    );
  },
};

/**
 * Makes the declared queues that are missing, and verifies those that are there. A file that cannot be opened is left as it
 * is, unreadable, so that one damaged file does not take down the other queues. Durable on return.
 * @throws `bad_config` when a queue exists with another limit, naming both; `disk_full`, `overloaded`, `commit_timeout`
 */
export async function ensureQueues(queues: Queues, declared: DeclaredQueues): Promise<void> {
  // Before any is made: what is refused as a whole makes none.
  for (const [name, limits] of Object.entries(declared)) checkLimits(name, queues.find(name)?.limits, limits);
  for (const [name, limits] of Object.entries(declared)) {
    try {
      await queues.create(name, limits);
    } catch (cause) {
      if (!isRoteraError(cause, 'queue_unreadable')) throw explain(name, cause);
    }
  }
}

/**
 * Compares the declared queues with the files in a directory, also while a server has it. Nothing is changed, nothing made;
 * what is not there, or cannot be opened, counts for nothing.
 * @throws `bad_config` as {@link ensureQueues}
 */
export async function compareQueues(directory: string, declared: DeclaredQueues): Promise<void> {
  for (const [name, limits] of Object.entries(declared)) {
    checkLimits(name, await limitsOf(join(directory, `${name}${ROT_SUFFIX}`)), limits);
  }
}

/** @param existing undefined when there is no such queue, or it cannot be opened @throws `bad_config` */
function checkLimits(name: string, existing: Limits | undefined, declared: Partial<Limits>): void {
  if (existing === undefined) return;
  try {
    checkSameLimits(name, existing, declared);
  } catch (cause) {
    throw explain(name, cause);
  }
}

async function limitsOf(path: string): Promise<Limits | undefined> {
  // Opening a file makes its lock file when there is none: it would belong to whoever looks, not to the server.
  if (!existsSync(path) || !existsSync(lockFileOf(path))) return undefined;
  const readOnly = new RoteraError('queue_read_only', 'The file is opened for reading only.');
  try {
    const file = await RotFile.open(path, { blocks: newBlockCache(), readOnly });
    const { limits } = file;
    await file.close();
    return limits;
  } catch (error) {
    if (isRoteraError(error)) return undefined;
    throw error;
  }
}

function explain(queue: string, cause: unknown): unknown {
  if (!isRoteraError(cause, 'config_mismatch')) return cause;
  const advice = `Give it the limit that it has, change the file's (rotera resize), or declare a queue of another name.`;
  return new RoteraError('bad_config', `${cause.message} ${advice}`, { queue, ...cause.details }, { cause });
}
