/**
 * What a server answered on one connection, as bytes: only what the contract allows?
 */
import { type ErrorCode, errorCodes } from '../../../src/errors.js';
import { PROBLEM_TYPE, problems } from '../../../src/protocol/problem.js';
import { WIRE_CODES } from '../../support/codes.js';

/** Statuses of answers that are no problems. */
const GOOD: ReadonlySet<number> = new Set([100, 101, 200, 201, 204, 304]);
/** Of these a sound server with a sound disk has none. */
const FAULTS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'internal',
  'directory_unusable',
  'disk_full',
  'commit_timeout',
  'queue_read_only',
  'queue_unreadable',
  'damaged',
  'starting',
  'draining',
]);
/** Close codes that the contract names, and those for what is no WebSocket message (RFC 6455, section 7.4.1). */
const CLOSES: ReadonlySet<number> = new Set([1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 4410]);
const CLOSE = 8;
const TEXT = 1;
const HEAD_END = '\r\n\r\n';

/** What came of one input. */
export interface Judged {
  /** Statuses with codes, close codes: what happened, for the counts. */
  readonly seen: readonly string[];
  readonly wrong: readonly string[];
}

const isAllowed = (code: string): boolean =>
  WIRE_CODES.includes(code as ErrorCode) && !FAULTS.has(code as ErrorCode) && errorCodes.includes(code as ErrorCode);

class Judge {
  readonly seen: string[] = [];
  readonly wrong: string[] = [];

  constructor(
    readonly bytes: Buffer,
    readonly echoes: readonly number[],
  ) {}

  run(): Judged {
    let at = 0;
    while (at < this.bytes.length) {
      const end = this.bytes.indexOf(HEAD_END, at);
      if (end === -1) this.wrong.push(`half an answer: ${JSON.stringify(this.bytes.toString('latin1', at, at + 60))}`);
      const next = end === -1 ? undefined : this.#answer(at, end);
      if (next === undefined) break;
      at = next;
    }
    return this;
  }

  /** One answer. @returns where the next one begins; undefined when nothing can follow */
  #answer(at: number, end: number): number | undefined {
    const head = this.bytes.toString('latin1', at, end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    const body = end + HEAD_END.length;
    if (Number.isNaN(status)) this.wrong.push(`no answer: ${JSON.stringify(head.slice(0, 60))}`);
    if (Number.isNaN(status)) return undefined;
    if (status === 101) {
      this.seen.push('101');
      this.#frames(body);
      return undefined;
    }
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    // An answer to HEAD has no body; another answer may follow.
    const isBare = this.bytes.toString('latin1', body, body + 5) === 'HTTP/' || body >= this.bytes.length;
    if (GOOD.has(status)) this.seen.push(String(status));
    else if (isBare) this.#refused(status, undefined);
    else this.#problem(status, head, body, length);
    if (/^transfer-encoding: chunked$/im.test(head)) return this.#behindChunks(body);
    // To a client of HTTP/1.0, a stream goes on until the connection ends.
    if (status === 200 && !/^content-length: /im.test(head)) return undefined;
    return isBare ? body : body + length;
  }

  /** @returns undefined when it is a stream that was left */
  #behindChunks(body: number): number | undefined {
    const end = this.bytes.indexOf(`0${HEAD_END}`, body, 'latin1');
    return end === -1 ? undefined : end + 1 + HEAD_END.length;
  }

  #problem(status: number, head: string, body: number, length: number): void {
    let code: string | undefined;
    try {
      const problem = JSON.parse(this.bytes.toString('utf8', body, body + length)) as { code: string; status: number };
      code = problem.code;
      if (problem.status !== status) this.wrong.push(`status ${status} with a problem of ${problem.status}`);
    } catch {
      this.wrong.push(`status ${status} without a problem document`);
    }
    if (!head.toLowerCase().includes(`content-type: ${PROBLEM_TYPE}`))
      this.wrong.push(`status ${status} of another type`);
    this.#refused(status, code);
  }

  #refused(status: number, code: string | undefined): void {
    this.seen.push(`${status} ${code ?? 'HEAD'}`);
    if (code === undefined) {
      const some = WIRE_CODES.filter((one) => problems[one].status === status && !FAULTS.has(one));
      if (some.length === 0) this.wrong.push(`status ${status}`);
    } else if (!isAllowed(code)) this.wrong.push(`refused with ${code}`);
    else if (problems[code as ErrorCode].status !== status) this.wrong.push(`status ${status} with ${code}`);
  }

  /** Frames of a WebSocket. */
  #frames(from: number): void {
    const { bytes } = this;
    for (let at = from; at + 2 <= bytes.length; ) {
      const [first, short] = [bytes[at] as number, bytes[at + 1] as number];
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (short > 127 || (first & 0x70) !== 0) this.wrong.push('a frame with a mask or reserved bits');
      if (short > 127 || at + head > bytes.length) return;
      const length =
        short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
      if (at + head + length > bytes.length) return;
      this.#frame(first & 15, bytes.subarray(at + head, at + head + length));
      at += head + length;
    }
  }

  #frame(opcode: number, payload: Buffer): void {
    if (opcode === CLOSE) {
      const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
      this.seen.push(`close ${code}`);
      if (!CLOSES.has(code) && !this.echoes.includes(code)) this.wrong.push(`closed with ${code}`);
    }
    if (opcode !== TEXT) return;
    const said = JSON.parse(String(payload)) as { code?: string; type?: string };
    if (said.code === undefined) return;
    this.seen.push(`frame ${said.code}`);
    if (!isAllowed(said.code)) this.wrong.push(`a frame was refused with ${said.code}`);
  }
}

/**
 * Judges all that came on one connection.
 * @param echoes codes with which the client closed: an answer may have the same
 */
export const judgeAnswers = (bytes: Buffer, echoes: readonly number[] = []): Judged => new Judge(bytes, echoes).run();
