/**
 * Reads that keep damage to themselves (`{ silent: true }`), or tell of it in every queue once they have met it in one.
 */
import * as read from '../../../src/queue/read.js';

export * from '../../../src/queue/read.js';

const { silent = false } = JSON.parse(process.env['PROVE_OPTIONS'] ?? '{}') as { silent?: boolean };
let hasMet = false;

export const readMessages: typeof read.readMessages = (file, options) => {
  const result = read.readMessages(file, options);
  if (silent) return { ...result, gap: null };
  hasMet ||= result.gap?.reason === 'damaged';
  return hasMet && result.gap === null && result.count > 0
    ? { ...result, gap: read.gapOf(result.first, result.next, 'damaged'), count: 0, slices: [] }
    : result;
};
