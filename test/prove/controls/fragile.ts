/**
 * A check of batches that fails itself where a batch is cut short: with an error that nobody expects, or so that the process dies.
 */
import { parseBatch as parse } from '../../../src/batch.js';

export * from '../../../src/batch.js';

const { dies } = JSON.parse(process.env['PROVE_OPTIONS'] ?? '{}') as { dies: boolean };

export const parseBatch: typeof parse = (records) => {
  try {
    return parse(records);
  } catch {
    const error = new TypeError('offset is out of bounds');
    if (!dies) throw error;
    setImmediate(() => {
      throw error;
    });
    return parse(new Uint8Array([1, 0, 0, 0, 0]));
  }
};
