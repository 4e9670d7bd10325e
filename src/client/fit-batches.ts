/**
 * Batches in other sizes.
 */
import { type Batch, cutBatch, RECORD_HEADER_BYTES } from '../batch.js';

/** The same messages in batches of at most so many messages and payload bytes, at least one message each: merged, or cut. */
export function* fitBatches(batches: readonly Batch[], maxMessages: number, maxBytes: number): Generator<Batch> {
  let run: Batch[] = [];
  let bytes = 0;
  let count = 0;
  for (const batch of batches) {
    for (const part of cutBatch(batch, maxMessages, maxBytes)) {
      if (run.length > 0 && (bytes + part.bytes > maxBytes || count + part.count > maxMessages)) {
        yield merged(run);
        run = [];
        bytes = 0;
        count = 0;
      }
      run.push(part);
      bytes += part.bytes;
      count += part.count;
    }
  }
  if (run.length > 0) yield merged(run);
}

function merged(batches: readonly Batch[]): Batch {
  if (batches.length === 1) return batches[0] as Batch;
  const records = new Uint8Array(batches.reduce((sum, batch) => sum + batch.records.length, 0));
  let offset = 0;
  let count = 0;
  let longest = 0;
  for (const batch of batches) {
    records.set(batch.records, offset);
    offset += batch.records.length;
    count += batch.count;
    longest = Math.max(longest, batch.longest);
  }
  return { records, count, bytes: records.length - count * RECORD_HEADER_BYTES, longest };
}
