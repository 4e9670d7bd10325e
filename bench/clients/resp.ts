/**
 * The protocol of Redis and Valkey as bytes: commands encoded once, answers counted by their lines.
 */
import { once } from 'node:events';
import type { Script } from '../script.js';
import { type AnswerCounter, Connection, openSocket } from './connection.js';

/** A command, encoded. */
export function respCommand(...words: ReadonlyArray<string | Uint8Array>): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = typeof word === 'string' ? Buffer.from(word) : word;
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** @param linesEach lines of one answer; 2 for a bulk string */
function countLines(linesEach: number): AnswerCounter {
  const NEWLINE = 10;
  let lines = 0;
  return (piece) => {
    if (piece.includes('-ERR') || piece.includes('-MISCONF')) throw new Error(`Refused: ${piece.toString()}`);
    for (let at = piece.indexOf(NEWLINE); at !== -1; at = piece.indexOf(NEWLINE, at + 1)) lines++;
    const answers = Math.floor(lines / linesEach);
    lines -= answers * linesEach;
    return answers;
  };
}

/** A connection whose operations are the commands of `script`. */
export const respConnection = async (port: number, script: Script, linesEach = 2): Promise<Connection> =>
  new Connection(await openSocket(port), script, countLines(linesEach));

/** Sends one command and resolves to the first piece of its answer. */
export async function respCall(port: number, ...words: string[]): Promise<string> {
  const socket = await openSocket(port);
  socket.write(respCommand(...words));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return answer.toString();
}
