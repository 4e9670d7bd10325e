/**
 * Queues that the configuration declares: they exist when the server is ready.
 */
import { isRoteraError, RoteraError } from '../errors.js';
import { createFields } from '../protocol/api.js';
import { checkParameters, type Parameter } from '../protocol/parameters.js';
import { QUEUE_NAME, type Queues } from '../queue/queues.js';
import { DEFAULT_LIMITS, type Limits } from '../queue/retention.js';

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
 * @throws `bad_config` when a queue exists with another limit, naming both; `disk_full`
 */
export async function ensureQueues(queues: Queues, declared: DeclaredQueues): Promise<void> {
  for (const [name, limits] of Object.entries(declared)) {
    try {
      await queues.create(name, limits);
    } catch (cause) {
      if (isRoteraError(cause, 'queue_unreadable')) continue;
      if (!isRoteraError(cause, 'config_mismatch')) throw cause;
      const advice = `Give it the limit that it has, or declare a queue of another name.`;
      throw new RoteraError('bad_config', `${cause.message} ${advice}`, { queue: name, ...cause.details }, { cause });
    }
  }
}
