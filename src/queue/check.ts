/**
 * Verifies everything a rot file promises, at rest or while a server uses it. Reads only.
 *
 * The structure of pages first, without LMDB (probe.ts); then every block by its checksums, ids without a hole, positions that
 * add up, times that never decrease, and the state, limits, cursors and producers that must agree with them. A file in use is
 * read in pieces, each under a snapshot that is let go at once: what rotates away meanwhile is not missed.
 */
import { statSync } from 'node:fs';
import { isRoteraError, messageOf } from '../errors.js';
import { Block, CHUNK_BYTES, segmentBytes } from './block.js';
import { blockKey, keyChunk, keyFirst } from './block-store.js';
import { damagedCursors, readCursors } from './cursors.js';
import { Environment } from './environment.js';
import { isMarked } from './failed-mark.js';
import { type FileConfig, type FileState, readConfig, readMeta, STATE_KEY } from './file-meta.js';
import { walkPages } from './pages/walk.js';
import { probe } from './probe.js';
import { damagedProducers } from './producers.js';

/** Blocks looked at under one snapshot. */
const PIECE_BLOCKS = 16;
/** Problems listed of one file; beyond that they are only counted. */
const MOST_LISTED = 100;

export interface CheckReport {
  readonly file: string;
  readonly sound: boolean;
  /** What is wrong, and where. */
  readonly problems: readonly string[];
  /** Problems found, listed or not. */
  readonly count: number;
  readonly messages: number;
  readonly blocks: number;
  readonly bytes: number;
}

/** Never throws for what the file holds. */
export async function checkRotFile(path: string): Promise<CheckReport> {
  const check = new Check(path);
  try {
    probe(path, { readOnly: true });
    // Damage that does not keep LMDB from reading: the file is looked at further.
    const walk = walkPages(path, { thorough: true, afterFailure: isMarked(path) });
    if (!walk.ok && walk.fault === 'damaged') check.report(`${walk.reason}, which is mended when the value is removed`);
    const environment = Environment.open(path, { readOnly: true });
    try {
      check.run(environment);
    } finally {
      await environment.close();
    }
  } catch (error) {
    check.report(isRoteraError(error) ? error.message : `it cannot be read: ${messageOf(error)}`);
  }
  return check.result();
}

/** Where the walk over the blocks stands. */
interface Place {
  /** First id of the block looked at last. */
  readonly first: number;
  readonly next: number;
  /** Payload bytes pushed before `next`. */
  readonly position: number;
  readonly time: number;
}

class Check {
  readonly #path: string;
  readonly #problems: string[] = [];
  #count = 0;
  #messages = 0;
  #blocks = 0;
  #bytes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  report(problem: string): void {
    this.#count++;
    if (this.#problems.length < MOST_LISTED) this.#problems.push(problem);
  }

  result(): CheckReport {
    return {
      file: this.#path,
      sound: this.#count === 0,
      problems: this.#problems,
      count: this.#count,
      messages: this.#messages,
      blocks: this.#blocks,
      bytes: this.#bytes,
    };
  }

  run(environment: Environment): void {
    const config = readConfig(environment);
    let place: Place | undefined;
    while (true) {
      environment.release();
      const state = readMeta<FileState>(environment, STATE_KEY);
      const firsts = firstsFrom(environment, place?.first ?? 0);
      for (const first of firsts) place = this.#block(environment, first, place, state);
      if (firsts.length < PIECE_BLOCKS) {
        this.#agree(environment, config, state, place);
        return;
      }
    }
  }

  /** Verifies one block, and that it goes on where the one before it ended. */
  #block(environment: Environment, first: number, before: Place | undefined, state: FileState): Place {
    // The last block of a piece is looked at again: commits may have been folded into it.
    const again = before?.first === first;
    const where = `block ${first}`;
    const block = Block.decode(readBlock(environment, first), first);
    if (block.damaged) this.report(`${where}: damaged from message ${block.next} on`);
    const rotatedBetween = before !== undefined && before.next < state.oldest;
    if (before !== undefined && !again && !rotatedBetween) {
      if (first !== before.next)
        this.report(`${where}: begins at ${first}, but the one before it ends at ${before.next}`);
      else if (!Number.isNaN(block.position) && block.position !== before.position) {
        this.report(`${where}: says that ${block.position} bytes were pushed before it, where ${before.position} were`);
      }
    }
    let position = Number.isNaN(block.position) ? (before?.position ?? 0) : block.position;
    let time = again ? 0 : (before?.time ?? 0);
    for (const segment of block.segments) {
      if (segment.time < time) this.report(`${where}: message ${segment.first} is older than the one before it`);
      time = segment.time;
      position += segmentBytes(segment);
    }
    if (!again) this.#blocks++;
    return { first, next: block.next, position, time };
  }

  /** The state, the limits, cursors and the file agree with what was found. */
  #agree(environment: Environment, { limits, limit }: FileConfig, state: FileState, place: Place | undefined): void {
    const { oldest, next, position, time, rotated } = state;
    const expect = (condition: boolean, problem: string): void => {
      if (!condition) this.report(problem);
    };
    expect(oldest >= 0 && oldest <= next, `state: oldest ${oldest}, next ${next}`);
    if (oldest < next) {
      expect(place?.next === next, `state: next is ${next}, but the last block ends at ${place?.next ?? 'nothing'}`);
      expect(
        place === undefined || place.position === position,
        `state: ${position} bytes pushed, found ${place?.position}`,
      );
      expect(place === undefined || place.time <= time, 'state: older than the newest message');
      const [first] = firstsFrom(environment, 0);
      expect(
        first !== undefined && first <= oldest,
        `state: oldest is ${oldest}, but the first block begins at ${first}`,
      );
      const start = first === undefined ? undefined : Block.decode(readBlock(environment, first), first);
      expect(
        start === undefined || start.damaged || oldest < start.next,
        'blocks that are rotated out are still stored',
      );
      this.#bytes = start === undefined || oldest >= start.next ? 0 : position - start.positionOf(oldest);
    }
    this.#messages = next - oldest;
    expect(
      next - oldest <= limits.maxMessages,
      `${next - oldest} messages are kept, more than maxMessages ${limits.maxMessages}`,
    );
    expect(this.#bytes <= limits.maxBytes, `${this.#bytes} bytes are kept, more than maxBytes ${limits.maxBytes}`);
    const counted = rotated.byAge + rotated.byBytes + rotated.byCount + rotated.byRoom;
    expect(counted === oldest, `state: ${counted} messages counted as rotated out, but oldest is ${oldest}`);
    const { size } = statSync(this.#path);
    expect(size <= limit, `the file has ${size} bytes, more than its limit ${limit}`);
    for (const { name, cursor } of readCursors(environment)) {
      expect(cursor.position <= next, `cursor ${name}: at ${cursor.position}, beyond next ${next}`);
    }
    for (const name of damagedCursors(environment)) this.report(`cursor ${name}: damaged`);
    for (const id of damagedProducers(environment)) this.report(`producer ${id}: damaged`);
  }
}

/** First ids of some blocks in order, from the one that begins at `from` or next behind it. */
function firstsFrom(environment: Environment, from: number): number[] {
  const firsts: number[] = [];
  let start = from;
  while (firsts.length < PIECE_BLOCKS) {
    const [key] = environment.keys('blocks', { start: blockKey(start, 0), limit: 1 });
    if (key === undefined) break;
    firsts.push(keyFirst(key));
    start = keyFirst(key) + 1;
  }
  return firsts;
}

/** The bytes of a block; a missing or short chunk ends them. */
function readBlock(environment: Environment, first: number): Buffer {
  const chunks: Buffer[] = [];
  for (const key of environment.keys('blocks', { start: blockKey(first, 0), end: blockKey(first + 1, 0) })) {
    const bytes = environment.get('blocks', key);
    const before = chunks.at(-1);
    if (
      bytes === undefined ||
      keyChunk(key) !== chunks.length ||
      (before !== undefined && before.length !== CHUNK_BYTES)
    )
      break;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
