/**
 * Those who read: pieces from anywhere, cursors that acknowledge, tails that are quick and tails that are slow.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { messagesOf } from '../../../src/batch.js';
import type { RoteraClient } from '../../../src/client/node.js';
import { messageOf as textOf } from '../../../src/errors.js';
import type { Random } from '../random.js';
import { overEvents } from '../restarts/ways.js';
import { Course } from './course.js';
import type { Notes } from './notes.js';
import { LOADS, type Load } from './queues.js';

const FOREVER = { retryMs: Number.POSITIVE_INFINITY };
/** Between two reads of one reader, and of a slow one; ms. */
const READ_MS = 200;
const SLOW_MS = 3000;
const PAUSE_MS = 250;
/** Tails of the client's own, over one connection after the other: every third takes its time, every fourth has a cursor. */
const TAILS = 16;
const CONSUMERS = 6;
const SLOW_TAIL_MS = 400;

export interface Reading {
  readonly client: RoteraClient;
  readonly random: Random;
  readonly notes: Notes;
}

const loadOf = (i: number): Load => LOADS[i % LOADS.length] as Load;

async function rest(ms: number, { over }: Notes): Promise<void> {
  // Woken when the run is over.
  await sleep(ms, undefined, { signal: over.signal }).catch(() => undefined);
}

/** Runs turns until the run is over; one that fails is said, and the next is tried. */
async function inTurns(what: string, notes: Notes, turn: () => Promise<void>): Promise<void> {
  while (!notes.isOver) {
    try {
      await turn();
    } catch (error) {
      if (notes.isOver) return;
      notes.say(`${what} failed: ${textOf(error)}`);
      await rest(SLOW_MS, notes);
    }
  }
}

/** Pieces of any queue, from anywhere: as JSON, as records, and a message alone. */
function pieces({ client, random, notes }: Reading): Promise<void> {
  return inTurns('a read', notes, async () => {
    const load = random.pick(LOADS);
    const course = new Course('a read', load, notes);
    const acknowledged = notes.acknowledged.get(load.name) ?? 0;
    const known = [Math.max(0, acknowledged - random.spread(1, 20_000)), acknowledged - (acknowledged > 0 ? 1 : 0)];
    const from = random.pick(['oldest', -random.spread(1, 500), ...known]);
    if (typeof from === 'number' && from >= 0) course.next = from;
    const options = { from, limit: random.spread(1, 1000), maxBytes: random.spread(1, 1024 * 1024), ...FOREVER };
    const { signal } = notes.over;
    if (random.chance(0.5)) {
      const { first, messages, gap } = await client.read(load.name, { ...options, signal });
      course.take(
        first,
        messages.map(({ data }) => data),
        gap,
      );
    } else {
      const { first, records, gap } = await client.readRecords(load.name, { ...options, signal });
      course.take(first, messagesOf(records), gap);
    }
    notes.count('reads');
    await rest(READ_MS, notes);
  });
}

/** A cursor that acknowledges with the next read what it got with the one before. */
function consumer(i: number, { client, random, notes }: Reading): Promise<void> {
  // One in three is so slow that it is overtaken.
  const [load, isSlow] = [loadOf(i * 3), i % 3 === 2];
  const course = new Course(`consumer ${i}`, load, notes);
  const { signal } = notes.over;
  let ack: number | undefined;
  return inTurns('a read by cursor', notes, async () => {
    const options = { cursor: `consumer-${i}`, ack, limit: random.spread(1, 2000), ...FOREVER, signal };
    const { first, next, messages, gap } = await client.read(load.name, options);
    course.take(
      first,
      messages.map(({ data }) => data),
      gap,
    );
    if (messages.length > 0) ack = next - 1;
    notes.count('reads by cursor');
    await rest(isSlow ? SLOW_MS : READ_MS, notes);
  });
}

function tail(i: number, { client, random, notes }: Reading): Promise<void> {
  const [load, isSlow] = [loadOf(i), i % 3 === 0];
  const course = new Course(`tail ${i}`, load, notes);
  const cursor = i % 4 === 1 ? `tail-${i}` : undefined;
  return inTurns('a tail', notes, async () => {
    const options = { from: course.next ?? 'oldest', cursor, signal: notes.over.signal, ...FOREVER };
    notes.count('tails opened');
    for await (const { first, messages, gap, ack } of client.tail(load.name, options)) {
      course.take(
        first,
        messages.map(({ data }) => data),
        gap,
      );
      if (cursor !== undefined) ack();
      if (isSlow) await rest(random.below(SLOW_TAIL_MS), notes);
      if (random.chance(0.0005)) return;
    }
  });
}

/** A tail over server-sent events, opened again where it was. */
function events(load: Load, { client, notes }: Reading): Promise<void> {
  const course = new Course('a tail over events', load, notes);
  return inTurns('a tail over events', notes, async () => {
    const url = `${client.url}/queues/${load.name}/tail?from=${course.next ?? 'oldest'}`;
    notes.count('tails opened over events');
    await overEvents(url, {
      signal: notes.over.signal,
      hear: (word) => {
        if (word.type === 'gap') course.skip();
        if (word.type !== 'messages') return;
        for (const { id, text, encoding } of word.messages) course.take(id, [Buffer.from(text, encoding)]);
      },
    });
    await rest(PAUSE_MS, notes);
  });
}

/** Everyone who reads. Resolves after the run is over. */
export async function read(reading: Reading): Promise<void> {
  const own = (label: number): Reading => ({ ...reading, random: reading.random.fork(label) });
  await Promise.all([
    pieces(own(1)),
    ...Array.from({ length: CONSUMERS }, (_, i) => consumer(i, own(100 + i))),
    ...Array.from({ length: TAILS }, (_, i) => tail(i, own(200 + i))),
    ...LOADS.filter(({ name }) => name === 'tiny' || name === 'shared').map((load) => events(load, own(300))),
  ]);
}
