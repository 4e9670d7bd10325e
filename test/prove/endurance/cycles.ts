/**
 * Queues that are made, used, and removed by removing their files, under the same names again and again.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { upgrade } from '../../../bench/clients/web-socket.js';
import { batchOf, messagesOf } from '../../../src/batch.js';
import type { RoteraClient } from '../../../src/client/node.js';
import { isRoteraError, messageOf as textOf } from '../../../src/errors.js';
import { TEXT_PROTOCOL } from '../../../src/protocol/api.js';
import { labelOf, messageOf } from '../messages.js';
import type { Random } from '../random.js';
import type { Server } from '../server.js';
import type { Notes } from './notes.js';

const FOREVER = { retryMs: Number.POSITIVE_INFINITY };
const NAMES = 5;
const LIMITS = { maxMessages: 100, maxBytes: 256 * 1024 };
/** So many messages go in; a half of them stays. */
const MESSAGES = 200;
const BATCH = 20;
/** No writer of another queue has it. */
const WRITER = 0xffff;
const PAUSE_MS = 4000;
const LOOK_MS = 100;
/** Within so many looks the server notices that a file is gone. */
const LOOKS = 300;

const isOurs = (message: Uint8Array, life: number, sequence: number): boolean => {
  const label = labelOf(message);
  return label?.writer === WRITER && label.life === life && label.sequence === sequence;
};

async function use(name: string, life: number, client: RoteraClient, random: Random, notes: Notes): Promise<void> {
  await client.create(name, { ...LIMITS, reserve: name.endsWith('0') }, FOREVER);
  for (let at = 0; at < MESSAGES; at += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, i) =>
      messageOf({ life, writer: WRITER, sequence: at + i, index: i, of: BATCH }, random.spread(20, 1000)),
    );
    const { first } = await client.push(name, batchOf(batch), FOREVER);
    if (first !== at) notes.say(`message ${at} of a new queue was acknowledged as id ${first}`);
  }
  const { first, next, records } = await client.readRecords(name, { limit: MESSAGES, ...FOREVER });
  if (first !== MESSAGES - LIMITS.maxMessages || next !== MESSAGES)
    notes.say(`a new queue has ids ${first} to ${next} of ${MESSAGES}, and ${LIMITS.maxMessages} are to be kept`);
  let id = first;
  for (const message of messagesOf(records))
    if (!isOurs(message, life, id++)) notes.say(`a new queue has another message as id ${id - 1}`);
}

async function isGone(name: string, client: RoteraClient): Promise<boolean> {
  try {
    await client.stat(name, FOREVER);
    return false;
  } catch (error) {
    if (isRoteraError(error, 'queue_not_found')) return true;
    throw error;
  }
}

/** One queue from its beginning to its end. */
async function cycle(life: number, server: Server, client: RoteraClient, random: Random, notes: Notes): Promise<void> {
  const name = `extra-${life % NAMES}`;
  await use(name, life & 0xffff, client, random, notes);
  // A tail is open when the queue goes; where the server is away just then, none is.
  const tail = await upgrade(server.port, `/queues/${name}/tail`, TEXT_PROTOCOL).catch(() => undefined);
  tail?.on('error', () => undefined).resume();
  const path = join(server.directory, `${name}.rot`);
  for (const file of [path, `${path}-lock`]) rmSync(file, { force: true });
  let looks = 0;
  while (!(await isGone(name, client)) && looks++ < LOOKS) await sleep(LOOK_MS);
  if (looks >= LOOKS) notes.say(`a queue is still served ${LOOKS * LOOK_MS} ms after its file was removed`);
  for (looks = 0; tail?.readyState === 'open' && looks < LOOKS; looks++) await sleep(LOOK_MS);
  if (tail?.readyState === 'open') notes.say('a tail is still open after its queue was removed');
  tail?.destroy();
  notes.count('queues made, used and removed');
}

/** One after the other. Resolves after the run is over. */
export async function makeAndRemove(server: Server, client: RoteraClient, random: Random, notes: Notes): Promise<void> {
  for (let life = 0; !notes.isOver; life++) {
    try {
      await cycle(life, server, client, random, notes);
    } catch (error) {
      notes.say(`a queue that is made and removed: ${textOf(error)}`);
    }
    await sleep(PAUSE_MS, undefined, { signal: notes.over.signal }).catch(() => undefined);
  }
}
