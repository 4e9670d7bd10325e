/**
 * Retention that keeps one message too many.
 */
import * as retention from '../../../src/queue/retention.js';

export * from '../../../src/queue/retention.js';

export const rotate: typeof retention.rotate = (limits, ...rest) =>
  retention.rotate({ ...limits, maxMessages: limits.maxMessages + 1 }, ...rest);
