/**
 * How a child of a proof is told its job and says what happens.
 */
import { writeSync } from 'node:fs';
import { SAY_FD } from '../child.js';

/** The job that the proof gave. */
export const job = <T>(): T => JSON.parse(process.argv[2] ?? '') as T;

/** Says one value; it has left the process on return. */
export function say(value: Readonly<Record<string, unknown>>): void {
  const line = Buffer.from(`${JSON.stringify(value)}\n`);
  for (let at = 0; at < line.length; ) at += writeSync(SAY_FD, line, at);
}
