/**
 * HTTP/1.1 over a kept connection: requests as bytes, answers counted by their `Content-Length`.
 */
import type { Script } from '../script.js';
import { type AnswerCounter, Connection, openSocket } from './connection.js';

const HEAD_END = '\r\n\r\n';

/** A request, encoded. */
export function httpRequest(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: Uint8Array = Buffer.alloc(0),
): Buffer {
  const length = method === 'GET' ? [] : [`Content-Length: ${body.length}`];
  const lines = [...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), ...length];
  const head = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1', ...lines].join('\r\n');
  return Buffer.concat([Buffer.from(head + HEAD_END), body]);
}

/** Counts answers; each must be a 2xx with a `Content-Length`. */
function countAnswers(): AnswerCounter {
  let head = '';
  let bodyLeft = 0;
  return (piece) => {
    let answers = 0;
    for (let at = 0; at < piece.length; ) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, piece.length - at);
        at += taken;
        bodyLeft -= taken;
        if (bodyLeft === 0) answers++;
        continue;
      }
      const end = piece.indexOf(HEAD_END, at);
      head += piece.toString('latin1', at, end === -1 ? piece.length : end);
      if (end === -1) break;
      const length = /content-length: (\d+)/i.exec(head);
      if (!head.startsWith('HTTP/1.1 2') || length === null) throw new Error(`Refused: ${piece.toString()}`);
      bodyLeft = Number(length[1]);
      head = '';
      at = end + HEAD_END.length;
      if (bodyLeft === 0) answers++;
    }
    return answers;
  };
}

/** A connection whose operations are the requests of `script`. */
export const httpConnection = async (port: number, script: Script): Promise<Connection> =>
  new Connection(await openSocket(port), script, countAnswers());
