/**
 * What the shim recorded: the calls of a process that change files, in order, with what the process said between them.
 */
import { readFileSync } from 'node:fs';

/**
 * One record. `W`rite, `F` sync of a file and `D` sync of a directory begin; `w`, `f` and `d` say that they succeeded.
 * `O`pened, `C`reated by an open, `T`runcated to `offset`, `L`: `name` was given to a file (in `data`: the name taken away with
 * it, if any), `U`: `name` was taken away, `M`: the process said something.
 */
export interface Event {
  readonly type: 'W' | 'w' | 'F' | 'f' | 'D' | 'd' | 'O' | 'C' | 'T' | 'L' | 'U' | 'M';
  /** Whether the write is on disk once it succeeded (O_DSYNC). */
  readonly synced: boolean;
  readonly inode: number;
  readonly offset: number;
  readonly thread: number;
  /** Name of the file, without its directory. */
  readonly name: string;
  readonly data: Buffer;
}

/** Bytes of shim.c's struct entry. */
const ENTRY_BYTES = 32;

/** Reads a record from its file; the last entry, cut short by a kill, is left out. */
export function readRecording(path: string): Event[] {
  const log = readFileSync(path);
  const events: Event[] = [];
  for (let at = 0; at + ENTRY_BYTES <= log.length; ) {
    const name = at + ENTRY_BYTES;
    const data = name + log.readUInt16LE(at + 2);
    const end = data + log.readUInt32LE(at + 4);
    if (end > log.length) break;
    events.push({
      type: String.fromCharCode(log.readUInt8(at)) as Event['type'],
      synced: log.readUInt8(at + 1) === 1,
      inode: Number(log.readBigUInt64LE(at + 8)),
      offset: Number(log.readBigUInt64LE(at + 16)),
      thread: Number(log.readBigUInt64LE(at + 24)),
      name: log.toString('utf8', name, data),
      data: log.subarray(data, end),
    });
    at = end;
  }
  return events;
}
