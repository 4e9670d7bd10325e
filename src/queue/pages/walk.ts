/**
 * Walks the pages of an LMDB file without LMDB, read-only: lmdb trusts what it maps, and a damaged page makes it end the
 * process, hang, or lose keys without a word. What this walk finds sound, lmdb can open, read and write.
 *
 * Read are the meta pages, all pages of all trees and the free list, but not the data: about 0.3 % of a file of 64 KiB
 * chunks. Nothing here throws for what the bytes say, uses more memory for them (bar one bit for each page of the file), or
 * visits a page twice.
 *
 * A healthy file never fails a test made here, however its process ended. Not tested, since LMDB does it and is not harmed:
 * pages that belong to nothing (counted as `leaked`), the order within a free list, the key of a branch's first node.
 *
 * Not seen without `thorough`: damage of the headers of values that have pages of their own. LMDB reads such a value
 * without its header, but removes and overwrites it by its header: `mendHeaders` of values.ts is for before that.
 */
import { type FileRef, PageFile, refusalOf } from './page-file.js';
import { SnapshotWalk, type Walk } from './snapshot-walk.js';

/** A file that another process writes to is walked so often, until no commit comes between. */
const ATTEMPTS = 5;

export interface WalkOptions {
  /** Also verify the header of each value that has pages of its own: one small read for each, all over the file. */
  readonly thorough?: boolean;
  /** The last write to the file is known to have failed: then its older meta page may be what LMDB leaves behind that. */
  readonly afterFailure?: boolean;
}

/**
 * Verifies the structure of a file as LMDB would use it now. Reads only; never throws for what the file holds.
 *
 * A file that another process commits to may change under the walk. Then it is walked again, a few times, and at last
 * refused as `changing`: that says that LMDB has it open, not that it is damaged.
 */
export function walkPages(ref: FileRef, options: WalkOptions = {}): Walk {
  const file = PageFile.open(ref);
  if (!(file instanceof PageFile)) return file;
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const walk = walkOnce(file, options);
      if (walk.ok || !file.changed()) return walk;
    }
    return { ok: false, fault: 'changing', reason: 'it is being written to all the time' };
  } catch (error) {
    return refusalOf(error);
  } finally {
    file.close();
  }
}

function walkOnce(file: PageFile, { thorough = false, afterFailure = false }: WalkOptions): Walk {
  try {
    const meta = file.snapshot(afterFailure);
    return 'ok' in meta ? meta : new SnapshotWalk(file, meta, thorough).walk();
  } catch (error) {
    return refusalOf(error);
  }
}
