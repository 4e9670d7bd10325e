/**
 * Consumes a queue with a cursor until it is killed: says what it got, then acknowledges it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type RoteraClient } from '../../../src/client/node.js';
import { type Consumed, digest } from '../consumers/consumed.js';
import { QUEUE } from '../restarts/producer.js';
import { job, say } from './say.js';

export interface ConsumerJob {
  readonly url: string;
  readonly cursor: string;
  /** A tail over a WebSocket, or reads that wait. */
  readonly way: 'tail' | 'read';
  /** The control: acknowledges first, and takes its time before it says what it got. */
  readonly acknowledgesEarly: boolean;
  /** Others: is given each batch twice, or the second half of each before the first. */
  readonly gives: 'all' | 'twice' | 'swapped';
}

const RETRY_MS = 60_000;
/** Between an ack that is too early and the work; ms. */
const EARLY_MS = 50;

type Batch = Pick<Awaited<ReturnType<RoteraClient['read']>>, 'first' | 'next' | 'messages' | 'gap'>;

const { url, cursor, way, acknowledgesEarly, gives } = job<ConsumerJob>();
const client = connect({ url, retryMs: RETRY_MS });

/** A run of messages, as it is given. */
function given(first: number, texts: readonly string[]): Array<readonly [first: number, texts: readonly string[]]> {
  if (gives === 'twice')
    return [
      [first, texts],
      [first, texts],
    ];
  const half = texts.length >> 1;
  if (gives === 'all' || half === 0) return [[first, texts]];
  return [
    [first + half, texts.slice(half)],
    [first, texts.slice(0, half)],
  ];
}

/** What a consumer does with what it gets. */
async function take({ first, messages, gap }: Batch, ack: () => unknown): Promise<void> {
  if (acknowledgesEarly && messages.length > 0) {
    await ack();
    await sleep(EARLY_MS);
  }
  if (gap !== null) say({ is: 'gap', from: gap.from, to: gap.to, reason: gap.reason } satisfies Consumed);
  if (messages.length === 0) return;
  const texts = messages.map(({ text }) => text);
  for (const [from, some] of given(first, texts))
    say({ is: 'messages', first: from, count: some.length, digest: digest(some) } satisfies Consumed);
  if (!acknowledgesEarly) await ack();
}

async function consumeByReads(): Promise<never> {
  let acked: number | undefined;
  for (;;) {
    const batch = await client.read(QUEUE, { cursor, ack: acked, wait: 20, limit: 200 });
    // It went with the ack, so the ack is on the disk.
    if (acked !== undefined) say({ is: 'acked', id: acked } satisfies Consumed);
    // All in front of where one goes on. The ack goes with the next read.
    const last = batch.next - 1;
    await take(batch, async () => {
      acked = last;
      if (acknowledgesEarly) await client.ack(QUEUE, cursor, last);
    });
  }
}

async function consumeByTail(): Promise<void> {
  for await (const batch of client.tail(QUEUE, { cursor })) await take(batch, () => batch.ack());
}

await (way === 'tail' ? consumeByTail() : consumeByReads());
