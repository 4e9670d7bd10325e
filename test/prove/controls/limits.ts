/**
 * Limits of a server that has all the time in the world.
 */
import { type ServerLimits, LIMITS as SHIPPED } from '../../../src/server/limits.js';

const EVER_MS = 24 * 3600 * 1000;
/** Node takes no more at first. */
const LONG_MS = 300_000;

export const LIMITS: ServerLimits = Object.freeze({
  ...SHIPPED,
  idleMs: EVER_MS,
  headersMs: LONG_MS,
  requestMs: EVER_MS,
  keepAliveMs: EVER_MS,
  slowBodyMs: EVER_MS,
  untakenMs: EVER_MS,
  stalledMs: EVER_MS,
});
