/**
 * Cursors: named positions kept durably in the rot file, so that a consumer goes on where it acknowledged last.
 * Table "cursors": name -> checksum and JSON of {@link Cursor} (file-meta.ts).
 *
 * A damaged cursor counts as one that is not there: its consumer begins anew, and gets messages again rather than none.
 */
import { RoteraError } from '../errors.js';
import type { Entry, Environment } from './environment.js';
import { decodeJson, encodeJson } from './file-meta.js';

/** A cursor as it is stored. */
export interface Cursor {
  /** The next id that the consumer wants: everything below is done with. */
  readonly position: number;
  /** Messages that were gone before they were acknowledged, and that the consumer was told of. Never decreases. */
  readonly missed: number;
  /** Ids below this are counted in `missed` already, if they are to be counted. */
  readonly missedTo: number;
  /** ms. */
  readonly updatedAt: number;
}

const MAX_CURSORS = 1000;
const DAY_MS = 24 * 3600 * 1000;
/** A cursor unused for so long gives way when there are too many. */
const IDLE_MS = 7 * DAY_MS;

/** What to do with a cursor. */
export type CursorChange =
  /** Makes it at `position` unless it is there; moves it there when `move` is set. */
  | { readonly kind: 'open'; readonly name: string; readonly position: number; readonly move: boolean }
  /** Done with everything up to and including `id`; only ever forwards. */
  | { readonly kind: 'ack'; readonly name: string; readonly id: number }
  /** The consumer is being told that ids `[from, to)` are gone. */
  | { readonly kind: 'miss'; readonly name: string; readonly from: number; readonly to: number };

/** The stored cursor, if it is there. */
export function readCursor(environment: Environment, name: string): Cursor | undefined {
  const value = environment.get('cursors', Buffer.from(name));
  return value === undefined ? undefined : decodeJson<Cursor>(value);
}

export interface NamedCursor {
  readonly name: string;
  readonly cursor: Cursor;
}

/** All cursors that are sound, by name. */
export const readCursors = (environment: Environment): NamedCursor[] =>
  environment.entries('cursors').flatMap(({ key, value }) => {
    const cursor = decodeJson<Cursor>(value);
    return cursor === undefined ? [] : [{ name: key.toString(), cursor }];
  });

/** Names of the cursors whose records are damaged. */
export const damagedCursors = (environment: Environment): string[] =>
  environment
    .entries('cursors')
    .filter(({ value }) => decodeJson(value) === undefined)
    .map(({ key }) => key.toString());

/** The cursors of one queue, as one group commit sees and changes them. */
export class CursorChanges {
  readonly #environment: Environment;
  readonly #changed = new Map<string, Cursor>();
  readonly #evicted = new Set<string>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /**
   * Applies a change; answers the cursor as it then is.
   * @param next the exclusive end of what is durable
   * @throws `cursor_not_found`, `beyond_end` for an ack at or beyond `next`, `too_many_cursors`
   */
  apply(change: CursorChange, next: number, now: number): Cursor {
    const known = this.#get(change.name);
    if (change.kind === 'open') return this.#open(change, known, now);
    if (known === undefined) {
      throw new RoteraError('cursor_not_found', `There is no cursor ${change.name}: the first read with it makes it.`);
    }
    if (change.kind === 'miss') {
      const missed = known.missed + Math.max(0, change.to - Math.max(change.from, known.missedTo));
      return this.#set(change.name, known, { ...known, missed, missedTo: Math.max(known.missedTo, change.to) }, now);
    }
    if (change.id >= next) {
      throw new RoteraError(
        'beyond_end',
        `ack=${change.id} lies beyond the end: the next message will get the id ${next}.`,
        {
          next,
        },
      );
    }
    return this.#set(change.name, known, { ...known, position: Math.max(known.position, change.id + 1) }, now);
  }

  /** Whether there is anything to store. */
  get any(): boolean {
    return this.#changed.size > 0 || this.#evicted.size > 0;
  }

  /** What to store. */
  entries(): Entry[] {
    const entries: Entry[] = [];
    for (const name of this.#evicted) entries.push({ table: 'cursors', key: Buffer.from(name), value: null });
    for (const [name, cursor] of this.#changed) {
      entries.push({ table: 'cursors', key: Buffer.from(name), value: encodeJson(cursor) });
    }
    return entries;
  }

  #get(name: string): Cursor | undefined {
    if (this.#evicted.has(name)) return undefined;
    return this.#changed.get(name) ?? readCursor(this.#environment, name);
  }

  #open(change: CursorChange & { kind: 'open' }, known: Cursor | undefined, now: number): Cursor {
    const { name, position, move } = change;
    if (known !== undefined)
      return move ? this.#set(name, known, { ...known, position, missedTo: position }, now) : known;
    this.#makePlace(now);
    this.#evicted.delete(name);
    const cursor = { position, missed: 0, missedTo: position, updatedAt: now };
    this.#changed.set(name, cursor);
    return cursor;
  }

  #set(name: string, before: Cursor, after: Cursor, now: number): Cursor {
    const isSame = before.position === after.position && before.missed === after.missed;
    // That it is used is worth a commit only now and then.
    if (isSame && now - before.updatedAt < DAY_MS) return before;
    const cursor = { ...after, updatedAt: now };
    this.#changed.set(name, cursor);
    return cursor;
  }

  #makePlace(now: number): void {
    const stored = readCursors(this.#environment).filter(({ name }) => !this.#evicted.has(name));
    const added = [...this.#changed.keys()].filter((name) => !stored.some((one) => one.name === name)).length;
    if (stored.length + added < MAX_CURSORS) return;
    const idle = stored
      .filter(({ name, cursor }) => !this.#changed.has(name) && now - cursor.updatedAt >= IDLE_MS)
      .sort((a, b) => a.cursor.updatedAt - b.cursor.updatedAt)[0];
    if (idle === undefined) {
      const text = `This queue has ${MAX_CURSORS} cursors, all used within a week: use fewer names.`;
      throw new RoteraError('too_many_cursors', text);
    }
    this.#evicted.add(idle.name);
  }
}
