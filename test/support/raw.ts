/**
 * Bytes to a server as they are, and what it answers to them.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { note } from './seen.js';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Of a problem document. */
  readonly code: string | undefined;
}

/** What a server said on one connection until it closed it, or until `enough` answers had come. */
export interface RawExchange {
  readonly answers: readonly RawAnswer[];
  /** Whether the server ended the connection. */
  readonly closed: boolean;
}

/** Shorter than a server keeps a connection that says nothing, longer than anything it does by itself. */
const DEADLINE_MS = 20_000;

/** A connection that keeps all it hears. */
export class RawConnection {
  heard = Buffer.alloc(0);
  /** Whether the other side has ended it. */
  ended = false;
  readonly #changed: Array<() => void> = [];

  private constructor(readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.heard = Buffer.concat([this.heard, chunk]);
      this.#wake();
    });
    const end = (): void => {
      this.ended = true;
      this.#wake();
    };
    socket.on('error', end).on('end', end).on('close', end);
  }

  static async to(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** Resolves when it holds, or the other side has ended, or nobody can expect it any more. */
  async until(holds: () => boolean, deadlineMs = DEADLINE_MS): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, deadlineMs);
    while (!holds() && !this.ended && !late) await new Promise<void>((resolve) => this.#changed.push(resolve));
    clearTimeout(timer);
  }

  get answers(): RawAnswer[] {
    return parseAnswers(this.heard);
  }

  #wake(): void {
    for (const wake of this.#changed.splice(0)) wake();
  }
}

/**
 * Sends bytes and waits for so many answers; then says that it wants no more, so that the server is given the chance to
 * answer further.
 */
export async function exchange(
  port: number,
  bytes: string | Buffer,
  enough: number,
  deadlineMs?: number,
): Promise<RawExchange> {
  const connection = await RawConnection.to(port);
  connection.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  await connection.until(() => connection.answers.length >= enough, deadlineMs);
  const closed = connection.ended;
  connection.socket.end();
  await connection.until(() => false, deadlineMs);
  connection.socket.destroy();
  note(connection.heard.toString());
  return { answers: connection.answers, closed };
}

/** The complete answers among the bytes; interim ones (1xx) count. */
export function parseAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n\r\n', at);
    if (end === -1) return answers;
    const [line = '', ...lines] = bytes.toString('latin1', at, end).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((text) => [text.split(':', 1)[0]!.toLowerCase(), text.replace(/^[^:]*: */, '')]),
    );
    const length = Number(headers['content-length'] ?? 0);
    const body = bytes.toString('utf8', end + 4, end + 4 + length);
    if (end + 4 + length > bytes.length && length > 0) return answers;
    const code = /"code":"(\w+)"/.exec(body)?.[1];
    answers.push({ status: Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]), headers, body, code });
    at = end + 4 + length;
  }
}
