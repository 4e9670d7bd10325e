/**
 * The limits of a queue as options, for the commands that make or change one.
 */
import type { CreateLimits } from '../src/client/node.js';
import { createFields } from '../src/protocol/api.js';
import { checkParameters } from '../src/protocol/parameters.js';
import { optional, parseBytes, parseCount, parseSeconds } from './numbers.js';

export const LIMIT_TEXTS = {
  maxMessages: 'Most messages kept (1,000,000); k, M, G are thousands.',
  maxBytes: 'Most payload bytes kept (64M); k, M, G, T are 1024s.',
  maxAge: 'Rotate out what is older, such as 30m or 7d; none (the default): nothing is too old.',
  maxMessageBytes: 'Longest message (1M, at most 16M).',
  reserve: 'Allocate the whole room now (the default); --no-reserve grows.',
};

/** The same where a queue is there already. */
export const CHANGE_TEXTS: typeof LIMIT_TEXTS = {
  maxMessages: 'Most messages kept; k, M, G are thousands.',
  maxBytes: 'Most payload bytes kept; k, M, G, T are 1024s.',
  maxAge: 'Rotate out what is older, such as 30m or 7d; none: nothing is too old.',
  maxMessageBytes: 'Longest message, at most 16M.',
  reserve: 'Allocate the whole room now; --no-reserve grows.',
};

/** Options as they come from the command line. */
interface LimitOptions {
  readonly maxMessages: string | undefined;
  readonly maxBytes: string | undefined;
  readonly maxAge: string | undefined;
  readonly maxMessageBytes: string | undefined;
  readonly reserve: boolean | undefined;
}

/** The limits that were given. @throws `bad_parameter` naming the option or the limit, its value and what is accepted */
export function parseLimits(options: LimitOptions): CreateLimits {
  const given = {
    maxMessages: optional(parseCount, 'max-messages', options.maxMessages),
    maxBytes: optional(parseBytes, 'max-bytes', options.maxBytes),
    maxAgeSeconds: options.maxAge === 'none' ? null : optional(parseSeconds, 'max-age', options.maxAge),
    maxMessageBytes: optional(parseBytes, 'max-message-bytes', options.maxMessageBytes),
    reserve: options.reserve,
  };
  const defined = Object.entries(given).filter(([, value]) => value !== undefined);
  return checkParameters(createFields, Object.fromEntries(defined)) as CreateLimits;
}
