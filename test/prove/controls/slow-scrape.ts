/**
 * Metrics whose scrape lets nobody else have a turn.
 */
import { Metrics as Patient } from '../../../src/server/metrics.js';

export * from '../../../src/server/metrics.js';

const BLOCKS_MS = 150;

export class Metrics extends Patient {
  override scrape(...words: Parameters<Patient['scrape']>): Promise<Buffer> {
    for (const end = performance.now() + BLOCKS_MS; performance.now() < end; );
    return super.scrape(...words);
  }
}
