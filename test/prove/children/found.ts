/**
 * Reads all that a queue holds, for the judge.
 */
import { messagesOf } from '../../../src/batch.js';
import type { Queue } from '../../../src/queue/queue.js';
import type { Found, Run } from '../judge.js';
import { labelOf } from '../messages.js';

/** Adds the messages of a read to runs; ids of messages that are altered to `altered`. */
function gather(runs: Run[], altered: number[], first: number, records: Uint8Array): void {
  let id = first;
  for (const message of messagesOf(records)) {
    const label = labelOf(message);
    const last = runs.at(-1);
    if (label === undefined) altered.push(id);
    else if (
      last?.life === label.life &&
      last.writer === label.writer &&
      last.sequence + last.count === label.sequence &&
      last.index + last.count === label.index &&
      last.first + last.count === id
    ) {
      runs[runs.length - 1] = { ...last, count: last.count + 1 };
    } else runs.push({ first: id, count: 1, ...label });
    id++;
  }
}

/** The messages from an id on. */
export function look(queue: Queue, from: number): Pick<Found, 'runs' | 'altered' | 'gaps'> {
  const runs: Run[] = [];
  const altered: number[] = [];
  const gaps: Array<readonly [number, number]> = [];
  for (let id = from; id < queue.next; ) {
    const answer = queue.read({ from: id, limit: 100_000, maxBytes: 4 * 1024 * 1024 });
    if (answer.gap !== null) gaps.push([answer.gap.from, answer.gap.to]);
    for (const { first, records } of answer.slices) gather(runs, altered, first, records);
    id = answer.next;
  }
  return { runs, altered, gaps };
}

/** All that a queue holds now; of cursors and later pushes, nothing. */
export function foundIn(queue: Queue): Found {
  const { oldest, next, bytes, rotated, maxMessages, maxBytes, maxMessageBytes, maxAgeSeconds, createdAt } =
    queue.stat();
  return {
    queue: queue.name,
    createdAt,
    oldest,
    next,
    bytes,
    limits: { maxMessages, maxBytes, maxMessageBytes, maxAgeSeconds },
    rotated,
    ...look(queue, oldest),
    cursors: {},
    repeated: [],
    later: { acks: [], runs: [] },
  };
}
