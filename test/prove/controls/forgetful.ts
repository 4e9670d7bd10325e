/**
 * Reads that tell messages as gone which are still there, to whoever is not among the newest.
 */
import * as read from '../../../src/queue/read.js';

export * from '../../../src/queue/read.js';

const KEPT = 20;

export const readMessages: typeof read.readMessages = (file, options) => {
  const { from, to = Number.MAX_SAFE_INTEGER } = options;
  const oldest = Math.min(to, file.state.next - KEPT);
  if (from >= oldest) return read.readMessages(file, options);
  const { gap, ...kept } = read.readMessages(file, { ...options, from: oldest });
  return { ...kept, gap: read.gapOf(from, gap?.to ?? oldest, 'rotated') };
};
