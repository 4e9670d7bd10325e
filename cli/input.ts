/**
 * Where the bytes that are pushed come from.
 */
import { createReadStream, fstatSync, type Stats, statSync } from 'node:fs';
import { messageOf, RoteraError } from '../src/errors.js';
import { isTerminal } from './context.js';

/** Large enough that reading costs little, small enough to hold some. */
const PIECE_BYTES = 256 * 1024;

/** A file, or standard input when it is called `-`, piece by piece. @throws `file_unreadable`, at the beginning or later */
export async function* readInput(path: string, stdin: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  const isStdin = path === '-';
  try {
    if (statAt(path, stdin)?.isDirectory() === true) throw new Error('it is a directory');
    if (isStdin) yield* stdin as unknown as AsyncIterable<Uint8Array>;
    else yield* createReadStream(path, { highWaterMark: PIECE_BYTES });
  } catch (cause) {
    const text = isStdin
      ? `Standard input cannot be read: ${messageOf(cause)}.`
      : `${path} cannot be read: ${messageOf(cause)}. (A message itself is given with -m.)`;
    throw new RoteraError('file_unreadable', text, { value: path }, { cause });
  }
}

/** What the filesystem says of an input; undefined of a stream that is no file. */
function statAt(path: string, stdin: NodeJS.ReadableStream & { fd?: number }): Stats | undefined {
  if (path !== '-') return statSync(path);
  return stdin.fd === undefined ? undefined : fstatSync(stdin.fd);
}

/** How many bytes an input has; undefined when nobody knows, as with a pipe. */
export function inputSize(path: string, stdin: NodeJS.ReadableStream): number | undefined {
  try {
    const stat = statAt(path, stdin);
    return stat?.isFile() === true ? stat.size : undefined;
  } catch {
    // Not there: said when it is opened.
    return undefined;
  }
}

/** The same input, which ends when `signal` aborts. */
export async function* endedBy<T>(signal: AbortSignal, input: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = input[Symbol.asyncIterator]();
  let end: (() => void) | undefined;
  const abort = (): void => end?.();
  signal.addEventListener('abort', abort, { once: true });
  try {
    while (!signal.aborted) {
      const item = await new Promise<IteratorResult<T> | undefined>((resolve, reject) => {
        end = () => resolve(undefined);
        iterator.next().then(resolve, reject);
      });
      if (item === undefined || item.done === true) return;
      yield item.value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

export const isTyped = (path: string, stdin: NodeJS.ReadableStream): boolean =>
  path === '-' && isTerminal(stdin as unknown as NodeJS.WritableStream);
