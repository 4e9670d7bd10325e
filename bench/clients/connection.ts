/**
 * One connection of a load generator: writes encoded operations, counts whole answers. It does no more than that, so that the
 * server and not the generator is what is measured.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Script } from '../script.js';

/** Counts the answers that end in a piece of the stream. @throws when one of them is a refusal */
export type AnswerCounter = (piece: Buffer) => number;

export class Connection {
  /** Called with the number of answers, each time some have come. */
  onAnswers: (count: number) => void = () => undefined;

  constructor(
    readonly socket: Socket,
    readonly script: Script,
    count: AnswerCounter,
  ) {
    socket.on('data', (piece) => {
      const answers = count(piece as Buffer);
      if (answers > 0) this.onAnswers(answers);
    });
  }

  /** Sends the next `count` operations of the script. */
  send(count: number): void {
    for (const piece of this.script.next(count)) this.socket.write(piece);
  }

  close(): void {
    this.socket.destroy();
  }
}

/** An open socket without Nagle's delay. */
export async function openSocket(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}
