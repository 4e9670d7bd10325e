/**
 * Our server, as users start it.
 */
import { fileURLToPath } from 'node:url';
import { batchOf } from '../../src/batch.js';
import { Child, freePort } from '../child.js';
import type { Connection } from '../clients/connection.js';
import { httpConnection, httpRequest } from '../clients/http.js';
import { pushSocket, webSocketFrame } from '../clients/web-socket.js';
import type { Payload } from '../payloads.js';
import { Script } from '../script.js';
import { several } from '../throughput.js';

const SERVER = fileURLToPath(new URL('../../cli/bin/rotera-server.cjs', import.meta.url));
const BATCH_TYPE = 'application/vnd.rotera.batch';

export const ROTERA = 'rotera';
export const DURABLE = 'every answer after fsync';

/** Starts the server on a directory. @param profile directory for a profile of its processor time, written when it ends */
export async function startRotera(directory: string, profile?: string): Promise<Child> {
  const port = await freePort();
  const words = profile === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profile];
  return await Child.start(process.execPath, [...words, SERVER, '--port', String(port), '--dir', directory], port);
}

export interface QueueLimits {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly maxMessageBytes?: number;
  readonly reserve?: boolean;
}

/** Makes a queue. @throws what the server refuses */
export async function createQueue({ port }: Child, name: string, limits: QueueLimits): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${port}/queues/${name}`, {
    method: 'PUT',
    body: JSON.stringify(limits),
  });
  if (!answer.ok) throw new Error(`No queue ${name}: ${await answer.text()}`);
}

/** Requests of one batch each. */
export const batchRequest = (queue: string, messages: readonly Buffer[]): Buffer =>
  httpRequest('POST', `/queues/${queue}/messages`, { 'Content-Type': BATCH_TYPE }, batchOf(messages).records);

/** Requests of one message each. */
export const singleRequest = (queue: string, message: Buffer): Buffer =>
  httpRequest('POST', `/queues/${queue}/messages`, {}, message);

/** Connections that push batches over HTTP. */
export const batchPushers = (child: Child, queue: string, { messages }: Payload, count: number) =>
  several(count, () => httpConnection(child.port, new Script([batchRequest(queue, messages)])));

/** Connections that push one message a request. */
export const singlePushers = (child: Child, queue: string, { messages }: Payload, count: number) =>
  several(count, () =>
    httpConnection(child.port, new Script(messages.map((message) => singleRequest(queue, message)))),
  );

/** WebSockets that push one message a frame. */
export const framePushers = (child: Child, queue: string, { messages }: Payload, count: number) =>
  several(count, () =>
    pushSocket(child.port, `/queues/${queue}/push`, 'rotera.v1', new Script(messages.map(webSocketFrame))),
  );

/** Connections that read ranges of `limit` messages from random places in `[from, to)`. */
export function rangeReaders(
  child: Child,
  queue: string,
  kept: { from: number; to: number; limit: number },
  count: number,
): Promise<Connection[]> {
  const SPREAD = 512;
  const request = (): Buffer => {
    const from = kept.from + Math.floor(Math.random() * (kept.to - kept.limit - kept.from));
    const path = `/queues/${queue}/messages?from=${from}&limit=${kept.limit}&maxBytes=16777216`;
    return httpRequest('GET', path, { Accept: BATCH_TYPE });
  };
  return several(count, () => httpConnection(child.port, new Script(Array.from({ length: SPREAD }, request))));
}

const FILLERS = 4;

/** Pushes at least `count` messages in batches and waits for the last. */
export async function fill(child: Child, queue: string, payload: Payload, count: number): Promise<void> {
  const connections = await batchPushers(child, queue, payload, FILLERS);
  let left = Math.ceil(count / payload.messages.length);
  const push = (connection: Connection): Promise<void> =>
    new Promise((resolve, reject) => {
      connection.socket.on('error', reject);
      connection.onAnswers = () => {
        if (left-- > 0) connection.send(1);
        else resolve();
      };
      connection.onAnswers(0);
    });
  await Promise.all(connections.map(push));
  for (const connection of connections) connection.close();
}
