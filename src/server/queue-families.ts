/**
 * The metrics of each queue and of each cursor. What they mean for those who are called at night stands in
 * docs/operations.md; a test compares the two.
 */
import type { Glance } from '../queue/glance.js';
import type { CursorStat } from '../queue/headroom.js';
import { type Family, family, label } from './series.js';
import type { Served } from './served.js';

/** A queue at the moment of a scrape. */
export interface WatchedQueue {
  readonly glance: Glance;
  readonly served: Served;
  readonly waiting: number;
  readonly tails: number;
  readonly slowTails: number;
}

const gauge = (name: string, help: string, value: (queue: WatchedQueue) => number): Family<WatchedQueue> =>
  family('gauge', `rotera_queue_${name}`, help, value);
const counter = (name: string, help: string, value: (queue: WatchedQueue) => number): Family<WatchedQueue> =>
  family('counter', `rotera_queue_${name}`, help, value);

export const QUEUE_FAMILIES: ReadonlyArray<Family<WatchedQueue>> = [
  gauge('oldest', 'Id of the oldest message kept.', ({ glance }) => glance.oldest),
  gauge('next', 'Id that the next message will get.', ({ glance }) => glance.next),
  gauge('messages', 'Messages kept.', ({ glance }) => glance.next - glance.oldest),
  gauge('max_messages', 'Most messages kept: a limit of the queue.', ({ glance }) => glance.limits.maxMessages),
  gauge('bytes', 'Payload bytes kept, give or take a part of one block.', ({ glance }) => glance.bytes),
  gauge('max_bytes', 'Most payload bytes kept: a limit of the queue.', ({ glance }) => glance.limits.maxBytes),
  gauge('file_bytes', 'Bytes that the rot file takes.', ({ glance }) => glance.file.bytes),
  gauge('file_limit_bytes', 'Most bytes that the rot file will ever take.', ({ glance }) => glance.file.limit),
  gauge(
    'newest_timestamp_seconds',
    'When the newest message was committed, or before the first the queue created, in seconds since 1970.',
    ({ glance }) => glance.newestTime / 1000,
  ),
  gauge('read_only', '1 when a write failed and the queue takes no more, else 0.', ({ glance }) =>
    glance.readOnly ? 1 : 0,
  ),
  gauge('damaged_blocks', 'Blocks found damaged when they were read, of those kept.', ({ glance }) => {
    return glance.damagedBlocks;
  }),
  gauge('waiting_writes', 'Pushes and acknowledgements that wait for the disk.', ({ waiting }) => waiting),
  gauge('tails', 'Tails open.', ({ tails }) => tails),
  gauge('slow_tails', 'Tails whose client has not taken a piece for a second or more.', ({ slowTails }) => slowTails),
  counter('pushes_total', 'Pushes stored, without repeats.', ({ served }) => served.pushes),
  counter('messages_in_total', 'Messages pushed.', ({ served }) => served.messagesIn),
  counter('bytes_in_total', 'Payload bytes pushed.', ({ served }) => served.bytesIn),
  counter('messages_out_total', 'Messages delivered by reads and tails.', ({ served }) => served.messagesOut),
  counter('bytes_out_total', 'Payload bytes delivered by reads and tails.', ({ served }) => served.bytesOut),
  {
    name: 'rotera_queue_rotated_messages_total',
    help: 'Messages rotated out since the queue was created, by the limit that bit first.',
    type: 'counter',
    samples: [
      [label('reason', 'count'), ({ glance }) => glance.rotated.byCount],
      [label('reason', 'bytes'), ({ glance }) => glance.rotated.byBytes],
      [label('reason', 'age'), ({ glance }) => glance.rotated.byAge],
      [label('reason', 'room'), ({ glance }) => glance.rotated.byRoom],
    ],
  },
  {
    name: 'rotera_queue_gaps_total',
    help: 'Gaps told to consumers, by what made them.',
    type: 'counter',
    samples: [
      [label('reason', 'rotated'), ({ served }) => served.gaps.rotated],
      [label('reason', 'recreated'), ({ served }) => served.gaps.recreated],
      [label('reason', 'damaged'), ({ served }) => served.gaps.damaged],
    ],
  },
];

const ofCursor = (
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  value: (cursor: CursorStat) => number,
): Family<CursorStat> => family(type, `rotera_cursor_${name}`, help, value);

export const CURSOR_FAMILIES: ReadonlyArray<Family<CursorStat>> = [
  ofCursor('gauge', 'lag_messages', 'Messages between the cursor and the end of the queue.', ({ lag }) => lag),
  ofCursor(
    'gauge',
    'headroom_messages',
    'Messages that can be pushed before rotation reaches the cursor.',
    ({ headroom }) => headroom.messages,
  ),
  ofCursor(
    'gauge',
    'headroom_seconds',
    'Seconds until rotation reaches the cursor at the present push rate; +Inf when nothing is pushed.',
    ({ headroom }) => headroom.seconds ?? Number.POSITIVE_INFINITY,
  ),
  ofCursor(
    'counter',
    'missed_messages_total',
    'Messages that were gone before the cursor came to them.',
    ({ missed }) => missed,
  ),
];
