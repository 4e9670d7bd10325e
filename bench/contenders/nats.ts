/**
 * NATS JetStream: file storage, `max_msgs`, the oldest discarded.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child, freePort } from '../child.js';
import type { Connection } from '../clients/connection.js';
import { natsBatch, natsConnection, natsPublish, natsRequest } from '../clients/nats.js';
import type { Contender } from '../measure.js';
import type { Payload } from '../payloads.js';
import { Script } from '../script.js';
import { several, throughput } from '../throughput.js';

export const NATS_PROGRAM = 'nats-server';

/** When it syncs: as shipped, or before each acknowledgement. */
export type Sync = 'shipped' | 'always';

export interface NatsServer {
  readonly name: string;
  readonly durability: string;
  readonly sync: Sync;
  readonly child: Child;
}

const DURABILITY: Readonly<Record<Sync, string>> = {
  shipped: 'up to 2 min behind (sync_interval as shipped)',
  always: 'every answer after fsync (sync_interval: always)',
};

export async function startNats(directory: string, sync: Sync): Promise<NatsServer> {
  const dir = join(directory, `nats-${sync}`);
  mkdirSync(dir);
  const port = await freePort();
  const interval = sync === 'always' ? 'sync_interval: always' : '';
  const config = join(dir, 'nats.conf');
  writeFileSync(
    config,
    `listen: "127.0.0.1:${port}"\nlog_file: "${dir}/log"\njetstream { store_dir: "${dir}"\n ${interval}\n}\n`,
  );
  const child = await Child.start(NATS_PROGRAM, ['-c', config], port);
  return { name: `JetStream ${sync}`, durability: DURABILITY[sync], sync, child };
}

/** Makes the stream `name`, which takes the subject `name`. */
export async function createStream({ child }: NatsServer, name: string, kept: number): Promise<void> {
  await natsRequest(child.port, `$JS.API.STREAM.CREATE.${name}`, {
    name,
    subjects: [name],
    storage: 'file',
    retention: 'limits',
    discard: 'old',
    max_msgs: kept,
    num_replicas: 1,
    allow_atomic: true,
  });
}

const newInbox = (): string => `_INBOX.${Math.random().toString(36).slice(2)}`;

/** A connection that publishes to a stream, one message an operation. */
export function natsStream({ child }: NatsServer, stream: string, { messages }: Payload): Promise<Connection> {
  const inbox = newInbox();
  const script = new Script(messages.map((message) => natsPublish(stream, inbox, message)));
  return natsConnection(child.port, inbox, script);
}

/** Publishes with so many messages unacknowledged per connection. */
export function publishContender(
  server: NatsServer,
  stream: string,
  payload: Payload,
  { clients, pipeline }: { clients: number; pipeline: number },
): Contender {
  const connect = () => several(clients, () => natsStream(server, stream, payload));
  return throughput({ ...server, connect }, pipeline, 1);
}

/** Publishes atomic batches, one unacknowledged per connection. */
export function batchContender(server: NatsServer, stream: string, { messages }: Payload, clients: number): Contender {
  const connect = () =>
    several(clients, () => {
      const inbox = newInbox();
      return natsConnection(server.child.port, inbox, new Script([natsBatch(stream, inbox, messages)]));
    });
  return throughput({ ...server, name: `${server.name}, atomic batches`, connect }, 1, messages.length);
}
