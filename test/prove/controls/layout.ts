/**
 * Blocks that carry the time of the clock as it is, wherever it has jumped.
 */
import * as layout from '../../../src/queue/layout.js';

export * from '../../../src/queue/layout.js';

export const layOut: typeof layout.layOut = (batches, options) =>
  layout.layOut(batches, { ...options, time: Date.now() });

export const foldInto: typeof layout.foldInto = (tail, batches, options) =>
  layout.foldInto(tail, batches, { ...options, time: Date.now() });
