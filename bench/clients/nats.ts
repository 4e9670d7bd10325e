/**
 * JetStream over the text protocol of NATS (https://docs.nats.io/reference/reference-protocols/nats-protocol), as bytes.
 */
import { once } from 'node:events';
import type { Script } from '../script.js';
import { type AnswerCounter, Connection, openSocket } from './connection.js';

/** One published message; JetStream acknowledges it to the subject `inbox`, which is one connection's own. */
export const natsPublish = (subject: string, inbox: string, payload: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(`PUB ${subject} ${inbox} ${payload.length}\r\n`), payload, Buffer.from('\r\n')]);

/**
 * Messages of one atomic batch (ADR-50 of nats-architecture-and-design): numbered, the last one commits, and that alone is
 * acknowledged to `inbox`.
 */
export function natsBatch(subject: string, inbox: string, payloads: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [];
  payloads.forEach((payload, i) => {
    const last = i === payloads.length - 1;
    const commit = last ? 'Nats-Batch-Commit: 1\r\n' : '';
    const head = `NATS/1.0\r\nNats-Batch-Id: ${inbox}\r\nNats-Batch-Sequence: ${i + 1}\r\n${commit}\r\n`;
    const reply = last ? ` ${inbox}` : '';
    const line = `HPUB ${subject}${reply} ${head.length} ${head.length + payload.length}\r\n${head}`;
    parts.push(Buffer.from(line), payload, Buffer.from('\r\n'));
  });
  return Buffer.concat(parts);
}

/** Counts acknowledgements: two lines each. */
function countAcks(): AnswerCounter {
  const NEWLINE = 10;
  let lines = 0;
  return (piece) => {
    if (piece.includes('"error"') || piece.includes('-ERR')) throw new Error(`Refused: ${piece.toString()}`);
    for (let at = piece.indexOf(NEWLINE); at !== -1; at = piece.indexOf(NEWLINE, at + 1)) lines++;
    const acks = lines >> 1;
    lines -= acks * 2;
    return acks;
  };
}

/** A connection whose operations are the publishes of `script`, acknowledged to `inbox`. */
export async function natsConnection(port: number, inbox: string, script: Script): Promise<Connection> {
  const socket = await openSocket(port);
  await once(socket, 'data');
  socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nPING\r\n');
  await once(socket, 'data');
  socket.write(`SUB ${inbox} 1\r\n`);
  return new Connection(socket, script, countAcks());
}

/** One request to the JetStream API. @throws what it refuses */
export async function natsRequest(port: number, subject: string, body: unknown): Promise<unknown> {
  const socket = await openSocket(port);
  await once(socket, 'data');
  const text = JSON.stringify(body);
  socket.write('CONNECT {"verbose":false,"headers":true}\r\nSUB _INBOX.api 1\r\n');
  socket.write(`PUB ${subject} _INBOX.api ${Buffer.byteLength(text)}\r\n${text}\r\n`);
  let answer = '';
  while (!answer.includes('}\r\n')) answer += String((await once(socket, 'data'))[0]);
  socket.destroy();
  const parsed = JSON.parse(answer.slice(answer.indexOf('{'))) as { error?: unknown };
  if (parsed.error !== undefined) throw new Error(`${subject}: ${JSON.stringify(parsed.error)}`);
  return parsed;
}
