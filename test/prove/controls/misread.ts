/**
 * Reads of which each answer has one message that is altered, doubled, in the place of another, or left out.
 */
import { batchOf, messagesOf } from '../../../src/batch.js';
import * as read from '../../../src/queue/read.js';

export * from '../../../src/queue/read.js';

/** What is made of the messages of a run, which are at least two. */
const WAYS: Readonly<Record<string, (first: Buffer, second: Buffer) => Buffer[]>> = {
  altered: (first, second) => {
    const at = first.length >>> 1;
    return [Buffer.concat([first.subarray(0, at), Buffer.of(~(first[at] as number)), first.subarray(at + 1)]), second];
  },
  doubled: (first) => [first, first],
  swapped: (first, second) => [second, first],
  dropped: (_, second) => [second],
};

const { misread = '' } = JSON.parse(process.env['PROVE_OPTIONS'] ?? '{}') as { misread?: string };

export const readMessages: typeof read.readMessages = (file, options) => {
  const result = read.readMessages(file, options);
  const place = result.slices.findIndex(({ count }) => count > 1);
  const slice = result.slices[place];
  if (slice === undefined) return result;
  const [first, second, ...others] = [...messagesOf(slice.records)].map((bytes) => Buffer.from(bytes));
  const wrong = WAYS[misread]?.(first as Buffer, second as Buffer) ?? [];
  const records = Buffer.from(batchOf([...wrong, ...others]).records);
  return { ...result, slices: result.slices.with(place, { ...slice, records }) };
};
