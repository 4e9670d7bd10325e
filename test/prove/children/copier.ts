/**
 * Copies a queue that others push to, once, as `rotera snapshot` does.
 */
import { snapshotRotFile } from '../../../src/queue/copy.js';
import { job, say } from './say.js';

/** Work for the copier: paths. */
export interface Copying {
  readonly file: string;
  readonly copy: string;
}

const { file, copy } = job<Copying>();
say({ is: 'copying' });
await snapshotRotFile(file, copy);
say({ is: 'copied' });
