/**
 * Endless input in pieces of whole lines.
 */
import { MAX_MESSAGE_BYTES } from '../src/batch.js';
import { RoteraError } from '../src/errors.js';

const NEWLINE = 10;
/** A piece is handed on when it has grown to this: large enough that one fsync pays for thousands of lines. */
const PIECE_BYTES = 1024 * 1024;
/** Longer than a disk takes for the next piece of a file, shorter than a person notices on a followed log. */
const PAUSE_MS = 5;

/**
 * Pieces of whole lines, each at most about 1 MiB unless a single line is longer. What has arrived is handed on as soon as
 * the input pauses, so that a followed log is pushed line by line and a file in large pieces.
 * @throws `message_too_large` for a line that no queue would take
 */
export async function* lineChunks(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  const take = (upTo: Uint8Array): Uint8Array => {
    const piece = Buffer.concat([...held, upTo]);
    held = [];
    heldBytes = 0;
    return piece;
  };
  const reader = input[Symbol.asyncIterator]();
  let pending: Promise<IteratorResult<Uint8Array>> | undefined;
  let lines: Uint8Array[] = [];
  let linesBytes = 0;
  while (true) {
    pending ??= reader.next();
    const result = linesBytes === 0 ? await pending : await Promise.race([pending, pause()]);
    if (result === undefined || linesBytes >= PIECE_BYTES) {
      yield Buffer.concat(lines);
      lines = [];
      linesBytes = 0;
    }
    if (result === undefined) continue;
    pending = undefined;
    if (result.done === true) break;
    const chunk = result.value;
    const newline = chunk.lastIndexOf(NEWLINE);
    if (newline !== -1) {
      const piece = take(chunk.subarray(0, newline + 1));
      lines.push(piece);
      linesBytes += piece.length;
    }
    const rest = chunk.subarray(newline + 1);
    if (rest.length === 0) continue;
    held.push(rest);
    heldBytes += rest.length;
    if (heldBytes > MAX_MESSAGE_BYTES) {
      throw new RoteraError(
        'message_too_large',
        `A line is longer than ${MAX_MESSAGE_BYTES} bytes, the most a message may have.`,
      );
    }
  }
  const last = [...lines, ...held];
  if (last.length > 0) yield Buffer.concat(last);
}

/** Resolves to undefined after a moment: the input has paused. */
const pause = (): Promise<undefined> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS, undefined));
