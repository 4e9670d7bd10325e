/**
 * Where a server says what it does. A disk that is full under its log must not end it, as it would end a program that is run for
 * its output.
 */
import { fstatSync, writeSync } from 'node:fs';
import { Writable } from 'node:stream';

type Output = NodeJS.WritableStream & { readonly fd?: number; readonly isTTY?: boolean };

/**
 * The same output. Where it leads to a file, what cannot be written is left out, and counted.
 * @param told what is written first when it can be again, after so many writes were left out
 */
export function steady(output: Output, told: (lost: number) => string = () => ''): NodeJS.WritableStream {
  const { fd } = output;
  if (fd === undefined || output.isTTY === true) return output;
  const to = fstatSync(fd);
  if (to.isFIFO() || to.isSocket()) return output;
  let lost = 0;
  /** Whether the last of it is a part of a line. */
  let torn = false;
  const write = (bytes: Buffer): void => {
    // A file may take only the beginning, as one that is at its limit or on a disk that is nearly full does.
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(fd, bytes, at);
      torn = at < bytes.length;
    }
  };
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      try {
        write(Buffer.from(`${torn ? '\n' : ''}${lost > 0 ? told(lost) : ''}${chunk}`));
        lost = 0;
      } catch {
        lost++;
      }
      done();
    },
  });
}
