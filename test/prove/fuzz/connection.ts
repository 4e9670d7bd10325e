/**
 * One connection that says its input, and hears what comes until the server ends it or nothing more comes.
 */
import { connect } from 'node:net';

/** Nothing for so long after an answer, and nothing at all for so long: then it has nothing more to say. ms. */
const QUIET_MS = 4;
const SILENT_MS = 40;
/** The first line of an answer that is no interim one. */
const ANSWER = /^HTTP\/1\.1 (101|[2-5]\d\d) /m;
/** A connection that its client has ended must be over within so long; ms. */
const HANGS_MS = 20_000;
/** Of what is heard, so much is kept: a tail may say more than anyone wants. */
const KEPT_BYTES = 256 * 1024;

export interface Heard {
  readonly bytes: Buffer;
  /** Whether the server kept it although the client had ended it. */
  readonly hangs: boolean;
}

/**
 * @param address the client's own, so that ports suffice for many
 * @param waits for an answer, however long it takes, before it says more or ends the connection
 */
export function say(port: number, address: string, pieces: readonly Buffer[], waits = false): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: address, noDelay: true });
    const heard: Buffer[] = [];
    let kept = 0;
    let next = 1;
    let timer = setTimeout(() => undefined, SILENT_MS);
    const later = (ms: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => goOn(), ms);
    };
    const hangs = setTimeout(() => done(true), HANGS_MS);
    const goOn = (): void => {
      const piece = pieces[next++];
      if (piece === undefined) socket.end();
      else {
        socket.write(piece);
        later(SILENT_MS);
      }
    };
    const done = (isHanging: boolean): void => {
      clearTimeout(timer);
      clearTimeout(hangs);
      socket.destroy();
      resolve({ bytes: Buffer.concat(heard), hangs: isHanging });
    };
    let isAnswered = !waits;
    socket.on('connect', () => {
      clearTimeout(timer);
      socket.write(pieces[0] as Buffer);
      if (isAnswered) later(SILENT_MS);
    });
    socket.on('data', (piece: Buffer) => {
      if (kept < KEPT_BYTES) heard.push(piece);
      kept += piece.length;
      isAnswered ||= ANSWER.test(Buffer.concat(heard).toString('latin1'));
      if (isAnswered) later(QUIET_MS);
    });
    // A reset is a way to be refused; `close` follows.
    socket.on('error', () => undefined);
    socket.on('close', () => done(false));
  });
}
