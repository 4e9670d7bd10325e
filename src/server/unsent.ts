/**
 * Answers that may be long, to reads, stat and list, and that clients have not taken yet: bounded in bytes, for all clients together,
 * and in time for each.
 */
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import { RoteraError } from '../errors.js';
import type { ReadResult } from '../queue/read.js';
import { whenOver } from './gone.js';
import type { ServerLimits } from './limits.js';
import { ReadTurns, readBytes } from './read-turns.js';

const MIB = 1024 * 1024;
/** From so many bytes on, reads get less than they ask for. */
const AMPLE_BYTES = 32 * MIB;
/** At least so much, or one message. */
const LEAST_BYTES = 64 * 1024;
/** From so many on, they get nothing. */
const MOST_BYTES = 128 * MIB;
/** What is shorter goes to the system at once, and is not looked at: a connection has one answer to a read at a time (pipelines.ts). */
const SHORT_BYTES = 16 * 1024;

export class Unsent {
  readonly #limits: Pick<ServerLimits, 'untakenMs' | 'idleMs'>;
  readonly #onCut: () => void;
  readonly #turns = new ReadTurns();
  /** How long the answers that count are, and all of them together. */
  readonly #answers = new Map<ServerResponse, number>();
  #bytes = 0;

  /** @param onCut called for each answer that is cut, since nothing of it was taken for too long */
  constructor(limits: Pick<ServerLimits, 'untakenMs' | 'idleMs'>, onCut: () => void) {
    this.#limits = limits;
    this.#onCut = onCut;
  }

  /**
   * Reads in its turn, for an answer: as many bytes as it wants and there is room for. What it brings counts from now on, before
   * the next read asks what it may bring.
   * @throws `overloaded`, and what `read` throws
   */
  read({ raw }: FastifyReply, wanted: number, read: (maxBytes: number) => ReadResult): Promise<ReadResult> {
    return this.#turns.read(() => {
      // Of those who left before their turn, nobody takes anything.
      const result = read(raw.req.socket.destroyed ? 1 : this.#room(wanted));
      const bytes = readBytes(result);
      if (bytes >= SHORT_BYTES) this.#count(raw, bytes);
      return result;
    }, readBytes);
  }

  /** Makes a text for an answer in its turn, as a read is made; it counts as one. @throws `overloaded`, and what `make` throws */
  make({ raw }: FastifyReply, make: () => string): Promise<string> {
    return this.#turns.read(() => {
      this.#room(1);
      const text = make();
      const bytes = textBytes(text);
      if (bytes >= SHORT_BYTES) this.#count(raw, bytes);
      return text;
    }, textBytes);
  }

  /** Sends an answer. */
  send(reply: FastifyReply, body: Buffer | string): FastifyReply {
    const { raw } = reply;
    const bytes = Buffer.byteLength(body);
    if (bytes < SHORT_BYTES && !this.#answers.has(raw)) return reply.send(body);
    this.#count(raw, bytes);
    // The system may hold all of a shorter answer for a client that takes none of it: such a connection is not kept.
    if (this.#bytes > AMPLE_BYTES / 2) reply.header('connection', 'close');
    // That of the socket: it begins anew with whatever is taken.
    raw.setTimeout(this.#limits.untakenMs, () => {
      this.#onCut();
      raw.destroy();
    });
    // Before Node looks whether another answer follows, which may be long in coming, or sets the time until the next request.
    const { socket } = raw.req;
    if (socket instanceof Socket) raw.prependOnceListener('finish', () => socket.setTimeout(this.#limits.idleMs));
    return reply.send(body);
  }

  /** How much a read may bring that asks for so many bytes. @throws `overloaded` */
  #room(wanted: number): number {
    if (this.#bytes >= MOST_BYTES) {
      const text = `Clients have ${this.#bytes} bytes of answers yet to take. Try again in a moment.`;
      throw new RoteraError('overloaded', text);
    }
    return Math.min(wanted, Math.max(LEAST_BYTES, AMPLE_BYTES - this.#bytes));
  }

  /** Lets an answer count as so long, instead of what it was, until it is over. */
  #count(response: ServerResponse, bytes: number): void {
    const known = this.#answers.get(response);
    this.#answers.set(response, bytes);
    this.#bytes += bytes - (known ?? 0);
    if (known !== undefined) return;
    whenOver(response, () => {
      this.#bytes -= this.#answers.get(response) ?? 0;
      this.#answers.delete(response);
    });
  }
}

/** Of a text that is nearly all ASCII. */
const textBytes = ({ length }: string): number => length;
