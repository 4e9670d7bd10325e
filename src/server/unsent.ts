/**
 * Answers that clients have not taken yet: bounded in bytes, for all clients together, and in time for each.
 */
import type { FastifyReply } from 'fastify';
import { RoteraError } from '../errors.js';
import { whenOver } from './gone.js';

const MIB = 1024 * 1024;
/** From so many bytes on, reads get less than they ask for. */
const AMPLE_BYTES = 32 * MIB;
/** At least so much, or one message. */
const LEAST_BYTES = 64 * 1024;
/** From so many on, they get nothing. */
const MOST_BYTES = 128 * MIB;
/** What is shorter goes to the system at once and is not looked at. */
const SHORT_BYTES = 16 * 1024;

export class Unsent {
  readonly #stalledMs: number;
  readonly #onCut: () => void;
  #bytes = 0;

  /** @param stalledMs an answer of which nothing is taken for so long is cut, and that is told to `onCut` */
  constructor(stalledMs: number, onCut: () => void) {
    this.#stalledMs = stalledMs;
    this.#onCut = onCut;
  }

  /** How much a read may bring that asks for so many bytes. @throws `overloaded` */
  room(wanted: number): number {
    if (this.#bytes >= MOST_BYTES) {
      const text = `Clients have ${this.#bytes} bytes of answers yet to take. Try again in a moment.`;
      throw new RoteraError('overloaded', text);
    }
    return Math.min(wanted, Math.max(LEAST_BYTES, AMPLE_BYTES - this.#bytes));
  }

  /** Sends an answer. */
  send(reply: FastifyReply, body: Buffer | string): FastifyReply {
    const bytes = Buffer.byteLength(body);
    if (bytes < SHORT_BYTES) return reply.send(body);
    this.#bytes += bytes;
    // The system may hold all of a shorter answer for a client that takes none of it: such a connection is not kept.
    if (this.#bytes > AMPLE_BYTES / 2) reply.header('connection', 'close');
    whenOver(reply.raw, () => {
      this.#bytes -= bytes;
    });
    // That of the socket: it begins anew with whatever is taken, and Node sets it back for the next request.
    reply.raw.setTimeout(this.#stalledMs, () => {
      this.#onCut();
      reply.raw.destroy();
    });
    return reply.send(body);
  }
}
