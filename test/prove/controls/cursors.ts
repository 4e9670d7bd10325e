/**
 * Cursors that are stored one id before where they were acknowledged.
 */
import * as cursors from '../../../src/queue/cursors.js';
import { decodeJson, encodeJson } from '../../../src/queue/file-meta.js';

export * from '../../../src/queue/cursors.js';

export class CursorChanges extends cursors.CursorChanges {
  override entries(): ReturnType<cursors.CursorChanges['entries']> {
    return super.entries().map((entry) => {
      const cursor = entry.value === null ? undefined : decodeJson<cursors.Cursor>(entry.value);
      return cursor === undefined || cursor.position === 0
        ? entry
        : { ...entry, value: encodeJson({ ...cursor, position: cursor.position - 1 }) };
    });
  }
}
