/**
 * Retention that takes one message too many where some have become too old.
 */
import * as retention from '../../../src/queue/retention.js';

export * from '../../../src/queue/retention.js';

export const rotate: typeof retention.rotate = (limits, kept, after, youngEnough, blocks) =>
  retention.rotate(limits, kept, after, Math.min(kept.next, youngEnough + Number(youngEnough > kept.oldest)), blocks);
