/**
 * Copies a queue that others push to, once, as `rotera snapshot` does.
 */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { snapshotRotFile } from '../../../src/queue/copy.js';
import { ROT_SUFFIX } from '../../../src/queue/queue-name.js';
import { job, say } from './say.js';

/** Work for the copier: paths. */
export interface Copying {
  readonly file: string;
  readonly copy: string;
  /** Begins so many ms after the file is there; at once without. */
  readonly waitMs?: number;
}

const { file, copy, waitMs } = job<Copying>();
const names = { queue: basename(file, ROT_SUFFIX), copy: basename(copy, ROT_SUFFIX) };
if (waitMs !== undefined) {
  while (!existsSync(file)) await sleep(1);
  await sleep(waitMs);
}
say({ is: 'copying', ...names });
await snapshotRotFile(file, copy);
say({ is: 'copied', ...names });
