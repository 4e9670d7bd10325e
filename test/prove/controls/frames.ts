/**
 * Frames that are written without a look at whether the peer takes them, or each with a delay for everyone.
 */
import { writeFrames as write } from '../../../src/server/frames.js';

export * from '../../../src/server/frames.js';

const { waits, spinMs } = JSON.parse(process.env['PROVE_OPTIONS'] ?? '{}') as { waits: boolean; spinMs: number };

export const writeFrames: typeof write = (socket, wire, frames) => {
  const end = performance.now() + spinMs;
  while (performance.now() < end);
  const taken = write(socket, wire, frames);
  if (waits) return taken;
  // As if all were well, whatever waits in memory.
  taken?.catch(() => undefined);
  return undefined;
};
